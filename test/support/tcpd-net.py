# Socket features that the tests of uchroot-tcpd need and Node lacks: datagrams of unix sockets, and options.
#   log PATH FILE       a log daemon: writes a line for each datagram, raw
#   answer              a daemon that answers one datagram on descriptor 0
#   talk JSON...        connects, one after the other: {kind, source, port, text, options}; prints the answers, as JSON
#   routed OPTIONS PROGRAM...   starts a program for a connection that came with these IP options; prints the answer
#   knock JSON...       says whether each port is open, all at once: {source, port}
import json, os, socket, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

SERVER = {4: "10.99.0.1", 6: "fd99::1"}


def log(path, file):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    os.chmod(path, 0o666)
    print("ready", flush=True)
    with open(file, "ab", buffering=0) as out:
        while True:
            out.write(sock.recv(65536) + b"\n")


def answer():
    sock = socket.socket(fileno=0)
    text, client = sock.recvfrom(65536)
    sock.sendto(b"answer to " + text, client)


def talk(request):
    version = 6 if ":" in request["source"] else 4
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    kind = socket.SOCK_DGRAM if request.get("kind") == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as sock:
        sock.settimeout(request.get("seconds", 20))
        if "options" in request:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes.fromhex(request["options"]))
        sock.bind((request["source"], 0))
        try:
            sock.connect((SERVER[version], request["port"]))
            sock.sendall(request.get("text", "hello\n").encode())
            if kind == socket.SOCK_DGRAM:
                return sock.recv(65536).decode()
            parts = []
            while part := sock.recv(65536):
                parts.append(part)
            return b"".join(parts).decode()
        except ConnectionResetError:
            # the peer closed it before it had read the data
            return "".join(part.decode() for part in parts) if "parts" in locals() else ""
        except TimeoutError:
            return None


def routed(options, *program):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        sock, _ = server.accept()
        client.sendall(b"hello\n")
        # acts as if the client had sent them: no router here lets them pass
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes.fromhex(options))
        subprocess.run(program, stdin=sock, stdout=sock, stderr=sock, check=True)
        sock.close()
        # packets that the kernel drops on that route never arrive
        client.settimeout(1)
        try:
            print(client.recv(65536).decode(), end="")
        except (ConnectionResetError, TimeoutError):
            pass


def knock(request):
    version = 6 if ":" in request["source"] else 4
    with socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET) as sock:
        # dropped packets get no answer; the kernel does the handshake
        sock.settimeout(1.5)
        sock.bind((request["source"], 0))
        try:
            sock.connect((SERVER[version], request["port"]))
            return True
        except TimeoutError:
            return False


command, *words = sys.argv[1:]
if command == "talk":
    print(json.dumps([talk(json.loads(word)) for word in words]))
elif command == "knock":
    with ThreadPoolExecutor(64) as pool:
        print(json.dumps(list(pool.map(lambda word: knock(json.loads(word)), words))))
else:
    {"log": log, "answer": answer, "routed": routed}[command](*words)
