"""Takes mail on port 25, IPv4 and IPv6, and refuses recipients called nobody@…: mail_server.py."""

import socket
import socketserver


class Mail(socketserver.StreamRequestHandler):
    """A session (RFC 5321), as far as clients of a recording speak it."""

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self):
        self.say("220 mail.example.com ESMTP Postfix")
        for line in self.rfile:
            words = line.decode(errors="replace").split(maxsplit=1)
            verb = words[0].upper() if words else ""
            if verb in ("EHLO", "HELO"):
                self.say("250-mail.example.com")
                self.say("250 SIZE 10240000")
            elif verb == "RCPT" and "nobody@" in words[1]:
                self.say("550 5.1.1 no such user here")
            elif verb in ("MAIL", "RCPT", "RSET", "NOOP"):
                self.say("250 2.1.0 Ok")
            elif verb == "DATA":
                self.say("354 End data with <CR><LF>.<CR><LF>")
                while self.rfile.readline().rstrip() not in (b".", b""):
                    pass
                self.say("250 2.0.0 Ok: queued as 4BZ2nT0")
            elif verb == "QUIT":
                self.say("221 2.0.0 Bye")
                return
            else:
                self.say("502 5.5.2 command not recognized")


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True


Server(("::", 25), Mail).serve_forever()
