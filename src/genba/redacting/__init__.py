"""Take secrets and personal data out of what is recorded, before it leaves the process or touches a disk."""
