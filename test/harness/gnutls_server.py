"""gnutls-serv behind a Unix socket: it listens on every address, hence in a network of its own (run under `unshare --net`) that reaches nobody.

Arguments: path of the Unix socket, then gnutls-serv's own. Says "ready" once both listen. Every connection to the socket is one to the server.
"""
import fcntl
import socket
import struct
import subprocess
import sys
import threading
import time

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
PORT = 5556


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack('16sh14x', b'lo', 0)
        flags = struct.unpack('16sh14x', fcntl.ioctl(sock, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack('16sh14x', b'lo', flags | IFF_UP))


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for sock in (source, target):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    path, arguments = sys.argv[1], sys.argv[2:]
    raise_loopback()
    server = subprocess.Popen(['setpriv', '--pdeathsig', 'KILL', 'gnutls-serv', '--port', str(PORT), *arguments], stdin=subprocess.DEVNULL)
    try:
        while True:
            # There is no sign but that it answers; a line of its log could come before the socket listens.
            try:
                socket.create_connection(('127.0.0.1', PORT)).close()
                break
            except ConnectionRefusedError:
                if server.poll() is not None:
                    sys.exit(f'gnutls-serv ended: {server.returncode}')
                time.sleep(0.01)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            listener.listen()
            print('ready', flush=True)
            while True:
                here, _ = listener.accept()
                there = socket.create_connection(('127.0.0.1', PORT))
                for ends in ((here, there), (there, here)):
                    threading.Thread(target=pump, args=ends, daemon=True).start()
    finally:
        server.kill()


main()
