#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: others agree: botocore about signatures and event streams, PyJWT about
assertions.
Method: requests made by chance from a seed, signed by both; frames made by
chance, read by both; an assertion for a key made here, verified by PyJWT.
Without the other's library: skipped (77).

usage: check_cloud.py sigv4|frames|assertion SHOW_CLOUD [SEED]"""
import json
import random
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import zlib

COUNT = 2000


def skip(error):
    print(f"skipped: {error}")
    sys.exit(77)


def text(rng, alphabet, least, most):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(least, most)))


def request(rng):
    word = "abcXYZ019-._~"
    odd = word + " :/%+é日\"'()*!,;=@$&"
    segments = [urllib.parse.quote(text(rng, odd, 1, 12), safe=rng.choice(["", ":", "~"]))
                for _ in range(rng.randint(0, 4))]
    path = "/" + "/".join(segments)
    if rng.random() < 0.1:
        path = path.replace("/", rng.choice(["//", "/./", "/x/../"])) or "/"
    pairs = {text(rng, word, 1, 6): text(rng, odd, 0, 8) for _ in range(rng.randint(0, 5))}
    headers = {"X-" + text(rng, "abcDEF-", 1, 8): text(rng, odd[:-1] + "  ", 0, 20).encode()
               .decode("ascii", "ignore").strip()
               for _ in range(rng.randint(0, 5))}
    return {
        "method": rng.choice(["GET", "POST", "PUT"]), "path": path,
        "host": text(rng, "abc.", 1, 20).strip(".") + "x.amazonaws.com",
        "query": "&".join(f"{k}={urllib.parse.quote(v, safe='')}" for k, v in pairs.items()),
        "body": rng.randbytes(rng.choice([0, 1, 63, 64, 65, 1000])),
        "access": text(rng, "ABCD1234", 16, 20), "secret": text(rng, word + "/+", 30, 60),
        "session": rng.choice(["", text(rng, word + "/+=", 1, 400)]),
        "region": rng.choice(["us-east-1", "eu-central-1"]), "service": "bedrock",
        "second": rng.randint(0, 4102444800),
        "headers": {name.lower(): value for name, value in headers.items()},
    }


def botocore_says(one):
    import datetime
    from unittest import mock

    import botocore.auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    now = datetime.datetime.fromtimestamp(one["second"], datetime.timezone.utc)
    url = f"https://{one['host']}{one['path']}" + ("?" + one["query"] if one["query"] else "")
    sent = AWSRequest(method=one["method"], url=url, data=one["body"], headers=one["headers"])
    signer = botocore.auth.SigV4Auth(
        Credentials(one["access"], one["secret"], one["session"] or None),
        one["service"], one["region"])
    # The clock's name in there has changed with versions.
    name = "get_current_datetime" if hasattr(botocore.auth, "get_current_datetime") else None
    if name:
        with mock.patch.object(botocore.auth, name, lambda remove_tzinfo=True: now.replace(
                tzinfo=None if remove_tzinfo else datetime.timezone.utc)):
            signer.add_auth(sent)
    else:
        with mock.patch.object(botocore.auth, "datetime") as clock:
            clock.datetime.utcnow.return_value = now.replace(tzinfo=None)
            clock.datetime.strptime = datetime.datetime.strptime
            signer.add_auth(sent)
    return sent.headers["Authorization"]


def line(one):
    fields = [one[k] for k in ("method", "host", "path", "query", "body", "access", "secret",
                               "session", "region", "service")] + [str(one["second"])]
    for name, value in one["headers"].items():
        fields += [name, value]
    return " ".join((f if isinstance(f, bytes) else f.encode()).hex() for f in fields)


def check_sigv4(tool, seed):
    try:
        import botocore  # noqa: F401
    except ImportError as error:
        skip(error)
    rng = random.Random(seed)
    requests = [request(rng) for _ in range(COUNT)]
    done = subprocess.run([tool, "sign"], input="".join(line(r) + "\n" for r in requests),
                          capture_output=True, text=True, check=True)
    ours = done.stdout.splitlines()
    assert len(ours) == COUNT, (len(ours), done.stderr)
    for one, signed in zip(requests, ours):
        theirs = botocore_says(one)
        if theirs != signed:
            sys.exit(f"seed {seed}:\n{one}\nours   {signed}\ntheirs {theirs}")
    print(f"{COUNT} requests are signed as by botocore {botocore.__version__}")


def frame(rng):
    sizes = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
    headers = b""
    for i in range(rng.randint(0, 12)):
        kind = rng.randint(0, 9)
        value = rng.randbytes(sizes.get(kind, 0))
        if kind in (6, 7):
            value = rng.randbytes(9) if kind == 6 else text(rng, "aZ日é ", 0, 40).encode()
            value = struct.pack(">H", len(value)) + value
        name = f"{rng.choice(['n', ':', 'é'])}{i}".encode()
        headers += bytes([len(name)]) + name + bytes([kind]) + value
    payload = rng.randbytes(rng.choice([0, 1, 50, 500]))
    out = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    out += struct.pack(">I", zlib.crc32(out)) + headers + payload
    return out + struct.pack(">I", zlib.crc32(out))


def frame_line(message):
    parts = [message.payload.hex()]
    for name, value in message.headers.items():
        if isinstance(value, int):  # bool, too
            value = f"={int(value)}"
        else:
            value = ":" + (value if isinstance(value, bytes) else value.encode()).hex()
        parts.append(name.encode().hex() + value)
    return " ".join(parts)


def check_frames(tool, seed):
    try:
        import botocore
        from botocore.eventstream import EventStreamBuffer
    except ImportError as error:
        skip(error)
    rng = random.Random(seed)
    stream = b"".join(frame(rng) for _ in range(COUNT))
    buffer = EventStreamBuffer()
    buffer.add_data(stream)
    theirs = [frame_line(message) for message in buffer]
    done = subprocess.run([tool, "frames"], input=stream, capture_output=True, check=True)
    ours = done.stdout.decode().splitlines()
    assert len(theirs) == COUNT
    for one, other in zip(ours, theirs):
        if one != other:
            sys.exit(f"seed {seed}:\nours   {one}\ntheirs {other}")
    assert len(ours) == COUNT, len(ours)
    print(f"{COUNT} frames are read as by botocore {botocore.__version__}")


def check_assertion(tool, _seed):
    try:
        import jwt
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
    except ImportError as error:
        skip(error)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                            serialization.NoEncryption()).decode()
    uri = "https://oauth2.googleapis.com/token"
    now = int(time.time())
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"type": "service_account", "private_key": pem, "private_key_id": "id é",
                   "client_email": "robot@example.com", "token_uri": uri}, file)
        file.flush()
        form = subprocess.run([tool, "assertion", file.name, str(now)], capture_output=True,
                              text=True, check=True).stdout
    fields = urllib.parse.parse_qs(form, strict_parsing=True)
    assert fields["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"], fields
    token = fields["assertion"][0]
    claims = jwt.decode(token, key.public_key(), algorithms=["RS256"], audience=uri,
                        options={"require": ["exp", "iat", "iss", "aud"]})
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": "id é"}
    assert claims == {"iss": "robot@example.com", "aud": uri, "iat": now, "exp": now + 3600,
                      "scope": "https://www.googleapis.com/auth/cloud-platform"}, claims
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    try:
        jwt.decode(token, other.public_key(), algorithms=["RS256"], audience=uri)
        sys.exit("another key verifies it, too")
    except jwt.InvalidSignatureError:
        print(f"PyJWT {jwt.__version__} verifies the assertion")


def main():
    checks = {"sigv4": check_sigv4, "frames": check_frames, "assertion": check_assertion}
    checks[sys.argv[1]](sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1)


main()
