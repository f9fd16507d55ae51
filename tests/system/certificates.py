"""Certificates of choice for the TLS servers of tests: a CA in a folder of its own, by the openssl command.

    authority = Authority(folder)
    good = authority.issue("mx.example.net")
    authority.issue("mx.example.net", expired=True), authority.issue("mx.example.net", self_signed=True)
    good.context()                     for ssl.wrap_socket
    good.tlsa(3, 1, 1)                 "3 1 1 9f86…", to be written to a zone
"""

import hashlib
import itertools
import ssl
import subprocess
from pathlib import Path

CONFIGURATION = """\
[ca]
default_ca = authority
[authority]
dir = {folder}
database = $dir/index
new_certs_dir = $dir
certificate = $dir/ca.pem
private_key = $dir/ca.key
rand_serial = yes
default_md = sha256
policy = anything
copy_extensions = copy
unique_subject = no
x509_extensions = leaf
[anything]
commonName = supplied
[leaf]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
[req]
distinguished_name = name
[name]
"""


def openssl(*arguments, **keywords):
    return subprocess.run(["openssl", *(str(one) for one in arguments)], check=True, capture_output=True, **keywords).stdout


class Certificate:
    def __init__(self, certificate, key, chain=None):
        self.certificate, self.key, self.chain = Path(certificate), Path(key), chain

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def tlsa(self, usage=3, selector=1, matching=1):
        """The record's text (RFC 6698 section 2.2): of this certificate, or with usage 2 of the CA's."""
        source = self.certificate if usage in (1, 3) else self.chain
        if selector == 0:
            data = openssl("x509", "-in", source, "-outform", "DER")
        else:
            data = openssl("pkey", "-pubin", "-outform", "DER", input=openssl("x509", "-in", source, "-noout", "-pubkey"))
        hashed = {0: data.hex, 1: hashlib.sha256(data).hexdigest, 2: hashlib.sha512(data).hexdigest}[matching]()
        return f"{usage} {selector} {matching} {hashed}"


class Authority:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.numbers = itertools.count(1)
        self.configuration = self.folder / "openssl.cnf"
        self.configuration.write_text(CONFIGURATION.format(folder=self.folder))
        (self.folder / "index").touch()
        self.path = self.folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                "-config", self.configuration, "-subj", "/CN=Test CA", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign", "-addext", "subjectKeyIdentifier=hash",
                "-keyout", self.folder / "ca.key", "-out", self.path)

    def issue(self, *names, expired=False, self_signed=False):
        """For these names; the CA's certificate stands behind it in the file, as DANE's usage 2 wants it."""
        base = self.folder / f"leaf{next(self.numbers)}"
        key, path = base.with_suffix(".key"), base.with_suffix(".pem")
        common = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", self.configuration,
                  "-subj", f"/CN={names[0][:60]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names),
                  "-keyout", key]
        if self_signed:
            openssl("req", "-x509", "-days", "365", *common, "-out", path)
            return Certificate(path, key)
        request = base.with_suffix(".csr")
        openssl("req", "-new", *common, "-out", request)
        dates = ["20200101000000Z", "20200201000000Z"] if expired else ["20200101000000Z", "20491231000000Z"]
        openssl("ca", "-batch", "-notext", "-config", self.configuration, "-startdate", dates[0], "-enddate", dates[1],
                "-in", request, "-out", path)
        path.write_bytes(path.read_bytes() + self.path.read_bytes())
        return Certificate(path, key, self.path)
