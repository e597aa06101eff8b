# SPDX-License-Identifier: Apache-2.0
"""Certificates made with the openssl program, and TlsWire, a Wire that speaks TLS after INFO."""

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import time

from support.wire import Wire


class Certificates:
    """A CA, a server certificate for 127.0.0.1 and client certificates, in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.openssl = shutil.which("openssl")
        self.ca, ca_key = self._path("ca.pem"), self._path("ca.key")
        # Python 3.13 and later refuse a CA without a key usage.
        self._run(
            "req", "-x509", *self._new_key(ca_key), "-out", self.ca, "-subj", "/CN=test CA",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
        self.cert, self.key = self.issue("server", "/CN=localhost", "IP:127.0.0.1,DNS:localhost")

    def issue(self, name, subject, names, expired=False):
        """Returns the files of a new certificate and its key."""
        cert, key, request = (self._path(name + end) for end in (".pem", ".key", ".csr"))
        extensions = self._path(name + ".ext")
        with open(extensions, "w", encoding="ascii") as out:
            out.write(f"subjectAltName={names}\n")
        self._run("req", *self._new_key(key), "-out", request, "-subj", subject)
        self._run(
            "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._path("ca.key"),
            "-CAcreateserial", *self._validity(expired), "-extfile", extensions, "-out", cert,
        )  # fmt: skip
        return cert, key

    def config(self, *lines):
        """The `tls` block of a server configuration."""
        return "\n".join(
            ["tls {", f'cert_file: "{self.cert}"', f'key_file: "{self.key}"', *lines, "}", ""]
        )

    def pin(self, cert):
        """What `pinned_certs` names: the digest of the public key."""
        key = self._run("x509", "-in", cert, "-noout", "-pubkey")
        return hashlib.sha256(self._run("pkey", "-pubin", "-outform", "DER", input=key)).hexdigest()

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _new_key(self, path):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path]

    def _validity(self, expired):
        if not expired:
            return ["-days", "2"]
        # OpenSSL from 3.4 on refuses an end before the beginning, and takes both as options.
        usage = subprocess.run([self.openssl, "x509", "-help"], capture_output=True, text=True, check=False)
        if "-not_after" in usage.stdout + usage.stderr:
            return ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"]
        return ["-days", "-1"]

    def _run(self, *args, **options):
        command = [self.openssl, *args]
        return subprocess.run(command, check=True, capture_output=True, timeout=30, **options).stdout


class TlsWire(Wire):
    """Reads INFO in clear text; handshake() then starts TLS."""

    def handshake(self, certificates, client=None, **options):
        context = ssl.create_default_context(cafile=certificates.ca)
        for name, value in options.items():
            setattr(context, name, value)
        if client:
            context.load_cert_chain(*client)
        self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")

    def receive(self, end):
        if self.ended:
            return False
        self.socket.settimeout(max(0.001, end - time.monotonic()))
        try:
            chunk = self.socket.recv(1 << 16)
        except socket.timeout:
            return False
        except (ConnectionResetError, ssl.SSLError):  # an alert is an end, too
            chunk = b""
        if not chunk:
            self.ended = True
            return False
        self.buffer += chunk
        return True
