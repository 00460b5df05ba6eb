#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""liar.py LAYOUT PORT LOG - a registry that misbehaves.

Serves the OCI layout's only image as HOST/FAULT/bb:1; the first component of
the repository's name is the fault.  What was asked, with the Authorization
header, goes to LOG, one JSON line a request.
"""
import http.server
import json
import os
import sys
import threading

LAYOUT, PORT, LOG = sys.argv[1], int(sys.argv[2]), sys.argv[3]
TYPE = "application/vnd.oci.image.manifest.v1+json"
lock = threading.Lock()
counts = {}


def blob(digest):
    with open(os.path.join(LAYOUT, "blobs", *digest.split(":")), "rb") as f:
        return f.read()


INDEX = json.load(open(os.path.join(LAYOUT, "index.json")))
DIGEST = INDEX["manifests"][0]["digest"]
MANIFEST = blob(DIGEST)
LARGEST = max(json.loads(MANIFEST)["layers"], key=lambda d: d["size"])["digest"]


def count(key):
    with lock:
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


class Liar(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code, message, **headers):
        doc = {"errors": [{"code": code, "message": message}]}
        self.answer(status, json.dumps(doc).encode(), Content_Type="application/json", **headers)

    def part(self, data, status, start, upto, total=None):
        """Promises data[start:], sends until `upto` and hangs up."""
        self.send_response(status)
        self.send_header("Content-Length", str((total or len(data)) - start))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(data[start:upto])
        self.wfile.flush()
        if upto < len(data) or total:
            self.close_connection = True
            self.connection.close()

    def do_GET(self):
        with open(LOG, "a") as log:
            log.write(json.dumps({"path": self.path, "authorization": self.headers.get("Authorization"),
                                  "range": self.headers.get("Range")}) + "\n")
        try:
            self.serve()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET

    def serve(self):
        if self.path.startswith("/token"):
            return self.answer(200, b'{"token":"the-token","expires_in":300}')
        if self.path.startswith("/storage/"):
            return self.answer(200, blob(self.path[len("/storage/"):]))
        if self.path.startswith("/v1/search"):
            results = [{"name": "some/found", "description": "an image\u001b[31m", "star_count": 7, "is_official": True},
                       {"name": "other/found", "description": None, "star_count": 0}]
            return self.answer(200, json.dumps({"num_results": 2, "results": results}).encode(),
                               Content_Type="application/json")
        parts = self.path.split("?")[0].split("/")
        if len(parts) < 6:
            return self.error(404, "NAME_UNKNOWN", "nothing here")
        fault, kind, what = parts[2], parts[4], parts[5]
        if fault == "token" and self.headers.get("Authorization") != "Bearer the-token":
            realm = f"http://127.0.0.1:{PORT}/token"
            return self.error(401, "UNAUTHORIZED", "who are you", WWW_Authenticate=
                              f'Bearer realm="{realm}",service="liar",scope="repository:token/bb:pull"')
        if fault == "busy" and count(self.path) <= 1:
            return self.error(503, "UNAVAILABLE", "not now")
        if fault == "later" and count(self.path) <= 1:
            return self.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="1")
        if fault == "escapes":
            return self.error(403, "DENIED", "not you\u001b]0;title\u0007\u001b[2J")
        if fault == "limit":
            return self.error(429, "TOOMANYREQUESTS", "pull rate limit", Retry_After="100000",
                              ratelimit_limit="100;w=21600", ratelimit_remaining="0;w=21600")
        if fault == "warning":
            return self.answer(200, MANIFEST if kind == "manifests" else blob(what),
                               Content_Type=TYPE, Warning='299 - "this repository will go away"')
        if kind == "manifests":
            return self.manifest(fault)
        return self.blob(fault, what)

    def manifest(self, fault):
        doc = json.loads(MANIFEST)
        if fault == "badtype":
            return self.answer(200, MANIFEST, Content_Type="application/vnd.oci.image.index.v1+json")
        if fault == "schema1":
            doc = {"schemaVersion": 1, "name": "x", "tag": "1"}
        if fault == "duplicate":
            body = MANIFEST.replace(b'"config":', b'"config":{"digest":"sha256:%s","size":1},"config":' % (b"0" * 64))
            return self.answer(200, body, Content_Type=TYPE)
        if fault == "both":
            doc["manifests"] = []
            doc["manifests"].append({"digest": DIGEST, "size": 1, "mediaType": TYPE})
        if fault == "foreign":
            for layer in doc["layers"]:
                if layer["digest"] == LARGEST:
                    layer["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
                    layer["urls"] = [f"http://127.0.0.1:{PORT}/storage/{LARGEST}"]
        if fault == "traversal":
            doc["layers"][0]["digest"] = "sha256:../../../../etc/passwd"
        if fault == "fewer":
            doc["layers"].pop()
        if fault == "huge":
            return self.answer(200, MANIFEST + b" " * (5 << 20), Content_Type=TYPE)
        if fault == "text":
            return self.answer(200, b"<html>sign in</html>", Content_Type="text/html")
        body = MANIFEST if doc == json.loads(MANIFEST) else json.dumps(doc).encode()
        self.answer(200, body, Content_Type=TYPE, Docker_Content_Digest=DIGEST)

    def blob(self, fault, digest):
        data = blob(digest)
        start = 0
        wanted = self.headers.get("Range")
        if wanted and fault not in ("norange",):
            start = int(wanted.split("=")[1].split("-")[0])
        status = 206 if start else 200
        n = count(self.path)
        large = digest == LARGEST
        if fault in ("cut", "norange") and large and n <= 3:
            return self.part(data, status, start, start + (len(data) - start) // 2)
        if fault == "wrongrange" and large:
            if n == 1:
                return self.part(data, 200, 0, len(data) // 2)
            return self.answer(206, data, Content_Range=f"bytes 0-{len(data) - 1}/{len(data)}")
        if fault == "foreign" and large:
            return self.error(404, "BLOB_UNKNOWN", "not here")
        if fault == "never" and large:
            return self.part(data, 200, 0, 0)
        if fault == "corrupt" and large:
            data = data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]
        if fault == "longer" and large:
            data += b"x" * 1000
        if fault == "short" and large:
            data = data[:-1000]
        if fault == "other" and large:
            data = b"\0" * len(data)
        if fault == "redirect":
            host = self.headers["Host"].replace("127.0.0.1", "localhost")
            return self.answer(307, Location=f"http://{host}/storage/{digest}")
        if fault == "loop":
            return self.answer(307, Location=self.path)
        if fault == "slow" and large:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            for at in range(0, len(data), 20000):
                self.wfile.write(data[at:at + 20000])
                self.wfile.flush()
                threading.Event().wait(0.02)
            return None
        if start:
            return self.answer(206, data[start:], Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")
        return self.answer(200, data)


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Liar).serve_forever()
