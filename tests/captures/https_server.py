"""Serves a folder over HTTPS on port 443, IPv4 and IPv6: https_server.py FOLDER CERTIFICATE KEY."""

import functools
import http.server
import socket
import ssl
import sys


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


folder, certificate, key = sys.argv[1:4]
server = Server(("::", 443), functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
