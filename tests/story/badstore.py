#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""badstore.py FOLDER CERT-FOLDER: an S3 store over TLS that fails as it is told.

It speaks what amberfs asks for (PUT, also with If-None-Match, GET with Range, DELETE, list-type=2), of any bucket, and checks no
signature. Objects are in memory. FOLDER/port gets its port, FOLDER/log a line for each answer: METHOD:KEY HOW STATUS (0: none).

FOLDER/rules is read before each request, one rule a line: PATTERN HOW [TIMES]. The first whose PATTERN (a regular expression) begins
METHOD:KEY, or LIST:PREFIX, and that was not used TIMES times since the file was replaced, says what happens:

  ok
  429 500 503 403 404 307    an answer of that kind, and nothing is done
  hang          nothing is answered until the rules change; then the line is dropped
  late          done and answered after a second and a half
  lost          done, and the line is dropped before the answer
  deaf          the line is dropped in the middle of the request
  cut           the answer stops in its middle
  short         half of the body, as if it were all
  wrong         one bit in each 512 bytes is another
  old           what the object was before; an object that never changed is answered with an older one of its kind
  stale         a listing as of when the rules were replaced
  none          a listing of nothing
  badxml        a body that is no XML at its end
  huge          a body that does not end
"""
import http.server
import os
import re
import socket
import ssl
import sys
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

NAMES = {"403": "AccessDenied", "404": "NoSuchKey", "429": "SlowDown", "500": "InternalError", "503": "ServiceUnavailable",
         "307": "TemporaryRedirect"}


class Store:
    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.objects = {}
        self.former = {}
        self.order = []
        self.rules, self.stamp, self.used, self.listed = [], None, {}, []
        self.log = open(folder + "/log", "a", buffering=1, encoding="ascii")

    def read_rules(self):
        try:
            st = os.stat(self.folder + "/rules")
        except FileNotFoundError:
            return
        stamp = st.st_ino, st.st_mtime_ns
        if stamp != self.stamp:
            with open(self.folder + "/rules", encoding="ascii") as f:
                self.rules = [line.split() for line in f if line.strip()]
            self.stamp, self.used, self.listed = stamp, {}, sorted(self.objects)

    def how(self, what):
        """What is to happen, and a mark of the rules by which."""
        with self.lock:
            self.read_rules()
            for i, (pattern, how, *times) in enumerate(self.rules):
                if re.match(pattern, what) and self.used.get(i, 0) < int(times[0] if times else 1 << 30):
                    self.used[i] = self.used.get(i, 0) + 1
                    return how, self.stamp
            return "ok", self.stamp

    def changed(self, stamp):
        with self.lock:
            self.read_rules()
            return self.stamp != stamp

    def put(self, key, data, only_new):
        with self.lock:
            if key in self.objects:
                if only_new:
                    return 412
                self.former[key] = self.objects[key]
            else:
                self.order.append(key)
            self.objects[key] = data
            return 200

    def remove(self, key):
        with self.lock:
            self.objects.pop(key, None)

    def get(self, key, how):
        with self.lock:
            data = self.objects.get(key)
            if data is None or how != "old":
                return data
            if key in self.former:
                return self.former[key]
            kind = key.rsplit("/", 1)[0]
            older = [k for k in self.order if k.rsplit("/", 1)[0] == kind and k != key and k in self.objects]
            return self.objects[older[0]] if older else b""

    def keys(self, how):
        with self.lock:
            if how == "none":
                return {}
            names = self.listed if how == "stale" else sorted(self.objects)
            return {k: len(self.objects.get(k, b"")) for k in names}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    timeout = 120

    def log_message(self, *_):
        pass

    def drop(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def reply(self, status, body=b"", headers=(), length=None):
        self.status = status
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def refuse(self, how):
        headers = [("Retry-After", "1")] if how == "429" else []
        if how == "307":
            headers.append(("Location", "https://127.0.0.1:%d/elsewhere" % self.server.server_port))
        self.reply(int(how), ("<?xml version='1.0'?><Error><Code>%s</Code><Message>told to</Message></Error>" % NAMES[how]).encode(),
                   headers)

    def reply_data(self, how, status, data, headers=()):
        if how == "cut":
            self.reply(status, data[:len(data) // 2], headers, length=len(data))
            self.drop()
        elif how == "short":
            self.reply(status, data[:len(data) // 2], headers)
        elif how == "wrong":
            bad = bytearray(data)
            for at in range(0, len(bad), 512):
                bad[at + (len(bad) - at) // 2 % 512] ^= 4
            self.reply(status, bytes(bad), headers)
        elif how == "badxml":
            self.reply(status, data[:len(data) - 5] + b"<<<", headers)
        elif how == "huge":
            self.reply(status, data, headers, length=1 << 40)
            for _ in range(512):
                self.wfile.write(bytes(1 << 20))
            self.drop()
        else:
            self.reply(status, data, headers)

    def listing(self, how, query):
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        most = int(query.get("max-keys", ["1000"])[0])
        keys = self.server.store.keys(how)
        names = [k for k in sorted(keys) if k.startswith(prefix) and k > after]
        more = len(names) > most
        out = ["<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>",
               "<EncodingType>url</EncodingType><IsTruncated>%s</IsTruncated>" % ("true" if more else "false")]
        for k in names[:most]:
            out.append("<Contents><Key>%s</Key><Size>%d</Size></Contents>" % (escape(urllib.parse.quote(k)), keys[k]))
        if more:
            out.append("<NextContinuationToken>%s</NextContinuationToken>" % escape(names[most - 1]))
        out.append("</ListBucketResult>")
        self.reply_data(how, 200, "".join(out).encode(), [("Content-Type", "application/xml")])

    def object(self, how, key):
        data = self.server.store.get(key, how)
        if data is None:
            self.refuse("404")
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not wanted:
            self.reply_data(how, 200, data)
            return
        first, last = int(wanted[1]), min(int(wanted[2]), len(data) - 1)
        if first > last:
            self.reply(416)
            return
        self.reply_data(how, 206, data[first:last + 1], [("Content-Range", "bytes %d-%d/%d" % (first, last, len(data)))])

    def do_it(self, how, key, query, body):
        store = self.server.store
        if "list-type" in query:
            self.listing(how, query)
        elif self.command == "GET":
            self.object(how, key)
        elif self.command == "PUT":
            status = store.put(key, body, self.headers.get("If-None-Match") == "*")
            if how != "lost":
                self.reply(status)
        else:
            store.remove(key)
            if how != "lost":
                self.reply(204)
        if how == "lost":
            self.drop()

    def handle_one(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        # without the bucket and the volume's prefix, which is one word
        key = re.sub(r"^/[^/]*/?", "", urllib.parse.unquote(url.path))
        name = "LIST:" + query.get("prefix", [""])[0] if "list-type" in query else self.command + ":" + key
        name = name.replace(":volume/", ":", 1)
        how, stamp = self.server.store.how(name)
        self.status = 0
        try:
            if how == "deaf":
                self.rfile.read(min(1000, int(self.headers.get("Content-Length", 0))))
                self.drop()
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if how == "hang":
                while not self.server.store.changed(stamp):
                    time.sleep(0.1)
                self.drop()
            elif how in NAMES:
                self.refuse(how)
            else:
                if how == "late":
                    time.sleep(1.5)
                self.do_it(how, key, query, body)
        except OSError:
            self.close_connection = True
        finally:
            self.server.store.log.write("%s %s %d\n" % (name, how, self.status))

    do_GET = do_PUT = do_DELETE = do_HEAD = handle_one


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def finish_request(self, request, client_address):
        """The handshake in the connection's own thread, so that none holds up the others."""
        try:
            request.settimeout(60)
            request = self.tls.wrap_socket(request, server_side=True)
        except OSError:
            return
        self.RequestHandlerClass(request, client_address, self)

    def handle_error(self, request, client_address):
        kind = sys.exc_info()[0]
        if not issubclass(kind, OSError):
            super().handle_error(request, client_address)


def main():
    folder, certificates = sys.argv[1:]
    server = Server(("127.0.0.1", 0), Handler)
    server.store = Store(folder)
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(certificates + "/cert.pem", certificates + "/key.pem")
    with open(folder + "/port.new", "w", encoding="ascii") as f:
        f.write("%d\n" % server.server_port)
    os.rename(folder + "/port.new", folder + "/port")
    server.serve_forever()


main()
