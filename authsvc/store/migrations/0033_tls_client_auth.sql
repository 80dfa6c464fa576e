-- How a client's certificate must name it (tls_client_auth, RFC 8705 section 2.1.2): one of these, for clients with that
-- method alone. Only adds: authsvc of the previous version knows no such method, and refuses a client that has one.
ALTER TABLE clients
    ADD COLUMN tls_client_auth_subject_dn text,
    ADD COLUMN tls_client_auth_san_dns text,
    ADD COLUMN tls_client_auth_san_uri text,
    ADD COLUMN tls_client_auth_san_ip text,
    ADD COLUMN tls_client_auth_san_email text;
