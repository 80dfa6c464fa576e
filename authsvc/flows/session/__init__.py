"""What every login shares: its lifetime, the browser's cookie, the subject, and the publishing of its end."""
