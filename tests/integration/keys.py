# SPDX-License-Identifier: Apache-2.0
"""API keys as the gateway makes them, and who shows them how."""

import secrets
import string
import zlib

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase


def make_key():
    """`llmgw_`, 30 digits, and their CRC-32 in six more."""
    body = "".join(secrets.choice(DIGITS) for _ in range(30))
    crc, tail = zlib.crc32(body.encode()), ""
    for _ in range(6):
        crc, digit = divmod(crc, 62)
        tail = DIGITS[digit] + tail
    return f"llmgw_{body}{tail}"


def bearer(key):
    return {"authorization": f"Bearer {key}"}
