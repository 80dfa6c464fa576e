from tests.support.jose import row


def test_a_record_does_not_print_its_sealed_part():
    key = row()
    assert key.kid in repr(key)
    assert "sealed" not in repr(key)
    assert repr(key.sealed)[2:-1] not in repr(key)
