import TestSupport
import Testing

/// How the router knows which flows have helpers.
enum HelperSource: CaseIterable {
    /// `-j CT --helper`.
    case rule
    /// The configuration's `conntrack: {helpers: …}`; the kernel's own way to do without a rule is gone.
    case configuration
}

/// Which ends are translated.
enum HelperNAT: CaseIterable {
    /// The client is inside and masqueraded.
    case masquerade
    /// The server is inside, behind DNAT.
    case dnat
    /// The server is inside behind DNAT, and what reaches it is masqueraded too.
    case both

    var clientHost: String { self == .masquerade ? "client" : "server" }
    var serverHost: String { self == .masquerade ? "server" : "client" }
    /// The address that the client speaks to.
    var address: String { self == .masquerade ? "198.51.100.2" : "198.51.100.1" }
}

/// Real servers and clients of the protocols that have helpers. Nothing is forwarded but new control connections and what is RELATED
/// or ESTABLISHED.
enum HelperPrograms {
    static func house(
        _ kind: RouterKind, _ source: HelperSource, _ nat: HelperNAT, helper: String, ipProtocol: String, port: Int
    ) throws -> Household {
        var rules = ""
        if source == .rule {
            rules += """
                *raw
                -A PREROUTING -p \(ipProtocol) -m \(ipProtocol) --dport \(port) -j CT --helper \(helper)
                COMMIT

                """
        }
        rules += "*nat\n"
        if nat != .masquerade { rules += "-A PREROUTING -i wan0 -p \(ipProtocol) -m \(ipProtocol) --dport \(port) -j DNAT --to-destination 10.0.0.2\n" }
        if nat == .masquerade { rules += "-A POSTROUTING -o wan0 -j MASQUERADE\n" }
        if nat == .both { rules += "-A POSTROUTING -o lan0 -j MASQUERADE\n" }
        rules += """
            COMMIT
            *filter
            :FORWARD DROP [0:0]
            -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            -A FORWARD -p \(ipProtocol) -m \(ipProtocol) --dport \(port) -m conntrack --ctstate NEW -j ACCEPT
            COMMIT

            """
        let configuration = source == .configuration ? ["conntrack: {helpers: {\(helper): [\(port)]}}"] : []
        return try Household(kind, rules: rules, configuration: configuration)
    }

    // MARK: FTP

    static func ftp(_ kind: RouterKind, _ source: HelperSource, _ nat: HelperNAT, port: Int) throws {
        let house = try house(kind, source, nat, helper: "ftp", ipProtocol: "tcp", port: port)
        let root = house.path("ftp")
        try Program.require(["mkdir", "-p", root + "/in", "/run/vsftpd/empty"])
        try writeFile(root + "/file", String(repeating: "0123456789abcde\n", count: 8192), mode: 0o644)
        try Program.require(["chmod", "755", house.path(""), root])
        try Program.require(["chmod", "777", root + "/in"])
        let configuration = try house.file(
            "vsftpd.conf",
            """
            listen=YES
            listen_port=\(port)
            background=NO
            anonymous_enable=YES
            no_anon_password=YES
            local_enable=NO
            anon_root=\(root)
            write_enable=YES
            anon_upload_enable=YES
            anon_other_write_enable=YES
            connect_from_port_20=YES
            seccomp_sandbox=NO
            secure_chroot_dir=/run/vsftpd/empty

            """)
        let server = try house.lab.start(["vsftpd", configuration], in: nat.serverHost)
        try house.requireListening(port, in: nat.serverHost, program: server)
        let url = "ftp://\(nat.address):\(port)"
        let upload = try house.file("upload", "sent\n")
        let modes: [(String, [String])] = [
            ("PASV", ["--disable-epsv", "--no-ftp-skip-pasv-ip"]), ("EPSV", []),
            ("PORT", ["--ftp-port", "-", "--disable-eprt"]), ("EPRT", ["--ftp-port", "-"]),
        ]
        for (name, options) in modes {
            let got = try house.curl(url + "/file", in: nat.clientHost, options: options)
            #expect(got.output.utf8.count == 16 * 8192, "\(name) \(nat) \(source): \(got.errors)")
            let put = try house.curl(url + "/in/\(name)", in: nat.clientHost, options: options + ["--upload-file", upload])
            #expect(put.succeeded, "\(name) \(nat) \(source): \(put.errors)")
            // Several commands on one connection, whose numbers have shifted by then.
            let twice = try house.curl(
                url + "/file", in: nat.clientHost, options: options + ["-o", "/dev/null", url + "/in/", "-o", "/dev/null"])
            #expect(twice.succeeded, "\(name) \(nat) \(source): \(twice.errors)")
        }
        if kind != .kernel {
            let helpers = try house.router.martlet(["show", "helpers"])
            let name = source == .configuration && port != 21 ? "ftp-\(port)" : "ftp"
            #expect(helpers.split(separator: "\n").contains { $0.hasPrefix(name + " ") && $0.hasSuffix("1      300") }, "\(helpers)")
        }
        server.end()
        try house.close()
    }

    // MARK: TFTP

    static func tftp(_ kind: RouterKind, _ source: HelperSource, _ nat: HelperNAT) throws {
        let house = try house(kind, source, nat, helper: "tftp", ipProtocol: "udp", port: 69)
        let root = house.path("tftp")
        try Program.require(["mkdir", "-p", root])
        let text = String(repeating: "0123456789abcde\n", count: 1000)
        try writeFile(root + "/file", text, mode: 0o644)
        try Program.require(["chmod", "755", house.path("")])
        let server = try house.lab.start(
            ["/usr/sbin/in.tftpd", "--foreground", "--listen", "--address", "0.0.0.0:69", "--create", "--user", "root", "--secure", root],
            in: nat.serverHost)
        try house.requireListening(69, in: nat.serverHost, udp: true, program: server)
        let copy = house.path("copy")
        let got = try house.lab.run(["busybox", "tftp", "-g", "-r", "file", "-l", copy, nat.address], in: nat.clientHost)
        #expect(try got.succeeded && String(decoding: readFile(copy), as: UTF8.self) == text, "get \(nat): \(got.errors)")
        let put = try house.lab.run(["busybox", "tftp", "-p", "-l", copy, "-r", "back", nat.address], in: nat.clientHost)
        #expect(try put.succeeded && String(decoding: readFile(root + "/back"), as: UTF8.self) == text, "put \(nat): \(put.errors)")
        server.end()
        if nat == .masquerade {
            // A request that nobody answers: what it announced is listed as the kernel lists it.
            _ = try house.lab.run(["bash", "-c", "printf '\\0\\001a\\0octet\\0' > /dev/udp/198.51.100.2/69"], in: "client")
            let list =
                kind == .kernel
                ? try Program.require(["cat", "/proc/net/nf_conntrack_expect"], in: house.lab.router)
                : try house.router.martlet(["flows", "list", "--expectations"])
            let words = list.split(whereSeparator: \.isWhitespace).map(String.init)
            #expect(
                words.count == 10 && Array(words.dropFirst().prefix(7)) == ["l3proto", "=", "2", "proto=17", "src=198.51.100.2", "dst=198.51.100.1", "sport=0"]
                    && words.last == "tftp", "\(list)")
        }
        try house.close()
    }

    // MARK: IRC

    /// One of two people who meet on a server: waits for the other, then offers a file, or takes one that is offered.
    private static let person = """
        import socket, sys, re
        host, nick, role, address = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4]
        irc = socket.create_connection((host, 6667), 10)
        irc.settimeout(15)
        irc.sendall(b"NICK %s\\r\\nUSER %s 0 * :%s\\r\\n" % ((nick.encode(),) * 3))
        buffer = b""
        def line():
            global buffer
            while b"\\n" not in buffer:
                data = irc.recv(4096)
                if not data: sys.exit("the server has closed")
                buffer += data
            one, buffer = buffer.split(b"\\n", 1)
            if one.startswith(b"PING"): irc.sendall(b"PONG" + one[4:] + b"\\n")
            return one
        while b" 376 " not in line() and b" 422 " not in buffer: pass
        irc.sendall(b"JOIN #here\\r\\n")
        def talk(text): irc.sendall(b"PRIVMSG other :" .replace(b"other", b"taker" if role == "offer" else b"giver") + text + b"\\r\\n")
        if role == "offer":
            while True:
                one = line()
                if b"PRIVMSG giver :hello" in one: break
            for kind in (b"SEND file.txt", b"CHAT chat"):
                listener = socket.create_server(("", 0))
                listener.settimeout(10)
                number = int.from_bytes(socket.inet_aton(address), "big")
                talk(b"\\x01DCC %s %d %d 6\\x01" % (kind, number, listener.getsockname()[1]))
                peer, _ = listener.accept()
                peer.sendall(b"hello\\n")
                peer.close()
            print("given")
        else:
            for kind in (b"SEND", b"CHAT"):
                while True:
                    if kind == b"SEND": talk(b"hello")
                    irc.settimeout(1)
                    try:
                        one = line()
                        while b"DCC" not in one: one = line()
                        break
                    except socket.timeout: pass
                    finally: irc.settimeout(15)
                found = re.search(rb"DCC %s \\S+ (\\d+) (\\d+)" % kind, one)
                where = socket.inet_ntoa(int(found.group(1)).to_bytes(4, "big"))
                peer = socket.create_connection((where, int(found.group(2))), 10)
                print(where, peer.recv(100).decode().strip())

        """

    static func irc(_ kind: RouterKind, _ source: HelperSource) throws {
        let house = try house(kind, source, .masquerade, helper: "irc", ipProtocol: "tcp", port: 6667)
        let configuration = try house.file(
            "ngircd.conf",
            """
            [Global]
            Name = irc.example.net
            Info = test
            Listen = 0.0.0.0
            Ports = 6667
            MotdPhrase = hello
            ServerUID = root
            ServerGID = root
            [Limits]
            MaxConnectionsIP = 0
            [Options]
            DNS = no
            Ident = no
            PAM = no

            """)
        let script = try house.file("person.py", person)
        let server = try house.lab.start(["ngircd", "--nodaemon", "--config", configuration], in: "server")
        try house.requireListening(6667, in: "server", program: server)
        let giver = try house.lab.start(["python3", script, "198.51.100.2", "giver", "offer", "10.0.0.2"], in: "client")
        let taker = try house.lab.run(["python3", script, "198.51.100.2", "taker", "take", "198.51.100.2"], in: "server", seconds: 40)
        #expect(taker.output == "198.51.100.1 hello\n198.51.100.1 hello\n", "\(taker.errors) \(giver.output) \(giver.errors)")
        #expect(try giver.wait().output == "given\n", "\(giver.errors)")
        server.end()
        try house.close()
    }
}

extension NamespaceTests {
    @Suite("Helpers with real programs", .serialized)
    struct HelperProgramTests {
        @Test("FTP through the kernel", arguments: HelperNAT.allCases)
        func kernelFTP(nat: HelperNAT) throws { try HelperPrograms.ftp(.kernel, .rule, nat, port: 21) }

        @Test("TFTP through the kernel", arguments: HelperNAT.allCases)
        func kernelTFTP(nat: HelperNAT) throws { try HelperPrograms.tftp(.kernel, .rule, nat) }

        @Test("DCC through the kernel")
        func kernelIRC() throws { try HelperPrograms.irc(.kernel, .rule) }

        @Test("FTP: PORT, EPRT, PASV and EPSV, up and down", .needsMartlet, arguments: HelperNAT.allCases, RouterKind.martlets)
        func ftp(nat: HelperNAT, kind: RouterKind) throws { try HelperPrograms.ftp(kind, .rule, nat, port: 21) }

        @Test("FTP on another port, by rule and by configuration", .needsMartlet, arguments: HelperSource.allCases, HelperNAT.allCases)
        func otherPort(source: HelperSource, nat: HelperNAT) throws {
            try HelperPrograms.ftp(.martlet(workers: 1), source, nat, port: 2121)
        }

        @Test("TFTP: get and put", .needsMartlet, arguments: HelperSource.allCases, HelperNAT.allCases)
        func tftp(source: HelperSource, nat: HelperNAT) throws { try HelperPrograms.tftp(.martlet(workers: 2), source, nat) }

        @Test("DCC: SEND and CHAT from inside", .needsMartlet, arguments: HelperSource.allCases)
        func irc(source: HelperSource) throws { try HelperPrograms.irc(.martlet(workers: 2), source) }
    }
}
