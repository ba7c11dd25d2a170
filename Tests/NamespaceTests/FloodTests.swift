import TestSupport
import Testing

extension NamespaceTests {
    /// A flood of SYNs while somebody works.
    @Suite("Floods", .serialized)
    struct FloodTests {
        /// Sends SYNs from ever new addresses for so many seconds, to a port that nobody answers for, and says how many.
        private static let flood = """
            import socket, struct, sys, time
            mac, seconds = bytes.fromhex(sys.argv[1].replace(":", "")), float(sys.argv[2])
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            raw.bind(("eth0", 0))
            def total(data):
                one = sum(struct.unpack("!%dH" % (len(data) // 2), data))
                while one >> 16: one = (one & 0xFFFF) + (one >> 16)
                return one
            target = socket.inet_aton("198.51.100.2")
            link = mac + b"\\2\\0\\0\\0\\0\\x63\\x08\\0"
            ip = total(struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0x4000, 64, 6, 0) + target)
            tcp = total(target + struct.pack("!HHHHIIBBHHH", 6, 20, 1, 81, 1, 0, 0x50, 2, 512, 0, 0))
            end, count = time.monotonic() + seconds, 0
            while time.monotonic() < end:
                for _ in range(256):
                    source = struct.pack("!I", 0x14000000 + count)
                    count += 1
                    half = total(source)
                    def field(base):
                        one = base + half
                        one = (one & 0xFFFF) + (one >> 16)
                        return ~((one & 0xFFFF) + (one >> 16)) & 0xFFFF
                    frame = link + struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0x4000, 64, 6, field(ip)) + source + target
                    frame += struct.pack("!HHIIBBHHH", 1, 81, 1, 0, 0x50, 2, 512, field(tcp), 0)
                    try: raw.send(frame)
                    except OSError: pass
            print(count)

            """

        @Test("a flood of SYNs against a full table: who works goes on working, and show says what happened", .needsMartlet)
        func flood() throws {
            let house = try Household(
                .martlet(workers: 1), rules: "*filter\n-A FORWARD -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n", routed: true,
                configuration: ["conntrack: {max: 2048}"])
            // Answers of the server would end the flood's flows.
            try house.lab.ip(["route add blackhole 16.0.0.0/4"], in: "server")
            let server = try house.lab.start(["iperf3", "-s"], in: "server")
            try house.requireListening(5201, in: "server", program: server)
            let web = try house.webServer(in: "server")
            let work = try house.lab.start(["iperf3", "-c", "198.51.100.2", "-b", "10M", "-t", "5"], in: "client")
            Clock.sleep(seconds: 1)
            let mac = try house.lab.run(["cat", "/sys/class/net/lan0/address"], in: "router").output.split(separator: "\n").joined()
            let script = try house.file("flood.py", Self.flood)
            let result = try house.lab.run(["python3", script, mac, "2.5"], in: "client", seconds: 20)
            let sent = result.output.split(separator: "\n").first.flatMap { Int($0) } ?? 0
            #expect(sent > 10_000, "\(result.errors)")
            // A new connection finds a place too.
            #expect(try house.curl("http://198.51.100.2/", in: "client").output == "It works.\n")
            let report = try work.wait(seconds: 20)
            #expect(report.succeeded, "\(report.output)\(report.errors)")
            let stats = try house.router.martlet(["show", "stats"])
            let early = stats.split(whereSeparator: { $0 == " " || $0 == "\n" }).first { $0.hasPrefix("early_drop=") }?.dropFirst(11)
            #expect(early.flatMap { Int($0) } ?? 0 > 5_000, "\(stats)")
            let drops = try #require(try house.router.books()).drops.filter { $0.value > 0 }.map(\.key)
            #expect(Set(drops).isSubset(of: ["flow-table-full"]), "\(stats)")
            let count = Int(try house.router.martlet(["flows", "count"]).split(separator: "\n").joined())
            #expect(try #require(count) <= 2048)
            server.end()
            web.end()
            try house.close()
        }
    }
}
