import Dataplane
import Glibc
import Net
import PacketIO
import TestSupport
import Testing

@testable import Router

/// A program that reads datagrams, such as a syslog daemon.
private final class Reader {
    let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        unsafe unlink(path)
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
    }

    deinit { close(descriptor) }

    /// Everything that has come.
    func take() -> [String] {
        var messages: [String] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count >= 0 else { return messages }
            messages.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
    }
}

@Suite("What rules log, on its way outside")
struct EffectTests {
    /// 2023-11-14 22:13:20.123456 UTC.
    private static let time: UInt64 = 1_700_000_000_123_456_000

    private static func entry(_ text: String, level: UInt8 = 4) -> LogEntry {
        LogEntry(level: level, time: time, text: Array(text.utf8))
    }

    private final class Folder {
        let path: String
        init() throws { path = try temporaryFolder("marteffect") }
        deinit { removeFolder(path) }
    }

    @Test("syslog gets a frame of facility kern from \"kernel\"")
    func syslog() throws {
        let folder = try Folder()
        let reader = try Reader(folder.path + "/log")
        let sink = SyslogSink(path: folder.path + "/log")
        #expect(sink.write(Self.entry("drop: IN=lan0 ", level: 6)))
        let message = try #require(reader.take().first)
        // The time is local.
        #expect(message.hasPrefix("<6>Nov 1") && message.hasSuffix(" kernel: drop: IN=lan0 "))
        #expect(message.utf8.count == "<6>Nov 14 22:13:20 kernel: drop: IN=lan0 ".utf8.count)
    }

    @Test("the journal gets fields")
    func journal() throws {
        let folder = try Folder()
        let reader = try Reader(folder.path + "/journal")
        #expect(JournalSink(path: folder.path + "/journal").write(Self.entry("a\nMESSAGE=b", level: 1)))
        #expect(reader.take() == [
            "PRIORITY=1\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\nSYSLOG_TIMESTAMP=1700000000123456\nMESSAGE=a MESSAGE=b\n"
        ])
    }

    @Test("a syslog that does not read loses lines and makes nobody wait; one that comes back gets them again")
    func deadSyslog() throws {
        let folder = try Folder()
        let path = folder.path + "/log"
        let sink = SyslogSink(path: path)
        #expect(!sink.write(Self.entry("nobody is there")))
        // Attempts to connect are a second apart.
        Clock.sleep(seconds: 1.1)
        var reader: Reader? = try Reader(path)
        var taken = 0
        for _ in 0..<5000 where sink.write(Self.entry("x")) { taken += 1 }
        #expect(taken > 0 && taken < 5000)
        #expect(reader?.take().count == taken)
        #expect(sink.write(Self.entry("y")))
        reader = nil
        #expect(!sink.write(Self.entry("gone")))
        reader = try Reader(path)
        Clock.sleep(seconds: 1.1)
        #expect(sink.write(Self.entry("back")))
        #expect(reader?.take().last?.hasSuffix("back") == true)
    }

    @Test("a file has a line with time and host, and a new one is begun after a rotation")
    func file() throws {
        let folder = try Folder()
        let path = folder.path + "/log"
        let sink = FileSink(path: path, host: "box", isUniversal: true)
        #expect(sink.write(Self.entry("one ")) && sink.flush() == 0)
        try #require(unsafe rename(path, path + ".1") == 0)
        #expect(sink.write(Self.entry("two ")) && sink.flush() == 0)
        sink.reopen()
        #expect(sink.write(Self.entry("three ")) && sink.flush() == 0)
        let stamp = "2023-11-14T22:13:20.123456+00:00 box kernel: "
        #expect(String(decoding: try readFile(path + ".1"), as: UTF8.self) == "\(stamp)one \n\(stamp)two \n")
        #expect(String(decoding: try readFile(path), as: UTF8.self) == "\(stamp)three \n")
    }

    @Test("lines for a full disk are counted")
    func fullDisk() {
        let sink = FileSink(path: "/dev/full", host: "box")
        for _ in 0..<3 { #expect(sink.write(Self.entry("x"))) }
        #expect(sink.flush() == 3 && sink.flush() == 0)
    }

    // MARK: Through the data plane

    private static let rules = """
        *filter
        -A FORWARD -p udp -j LOG --log-prefix "udp: " --log-level 6
        -A FORWARD -p udp -j NFLOG --nflog-group 7 --nflog-prefix "seven" --nflog-size 30
        -A FORWARD -p tcp -j ULOG --ulog-nlgroup 3 --ulog-prefix "three"
        -A FORWARD -p udp -j MARK --set-mark 5
        -A FORWARD -p udp -j AUDIT --type drop
        COMMIT

        """

    @Test("replay writes lines and copies with the captures' times, in order, anew each time")
    func replay() throws {
        let folder = try ReplayTests.Folder()
        try writeFile(folder.path + "/rules.v4", Self.rules)
        try folder.capture("lan", side: 0, [
            (1, "udp 10.0.0.2:5000 > 198.51.100.2:53 id 9 len 10"), (2.5, "tcp 10.0.0.2:5000 > 198.51.100.2:80 S"),
            (3, "udp 10.0.0.2:5000 > 198.51.100.2:54 len 1"),
        ])
        for _ in 0..<2 { try folder.run([("lan0", "lan")]) }
        let lines = String(decoding: try readFile(folder.path + "/out/log"), as: UTF8.self).split(separator: "\n")
        let udp = "udp: IN=lan0 OUT=wan0 MAC=02:00:00:00:01:01:02:00:00:00:01:02:08:00 SRC=10.0.0.2 DST=198.51.100.2"
        #expect(lines == [
            "2023-11-14T22:13:20.001000+00:00 replay kernel: \(udp) LEN=38 TOS=0x00 PREC=0x00 TTL=63 ID=9 PROTO=UDP SPT=5000 DPT=53 LEN=18 ",
            "2023-11-14T22:13:20.001000+00:00 replay kernel: type=NETFILTER_PKT msg=audit(1700000000.001:1): mark=0x5 saddr=10.0.0.2 daddr=198.51.100.2 proto=17",
            "2023-11-14T22:13:20.003000+00:00 replay kernel: \(udp) LEN=29 TOS=0x00 PREC=0x00 TTL=63 ID=0 PROTO=UDP SPT=5000 DPT=54 LEN=9 ",
            "2023-11-14T22:13:20.003000+00:00 replay kernel: type=NETFILTER_PKT msg=audit(1700000000.003:2): mark=0x5 saddr=10.0.0.2 daddr=198.51.100.2 proto=17",
        ])
        // tcpdump is another's reading of the format.
        let text = try Program.require(["tcpdump", "-n", "-e", "-tt", "-r", folder.path + "/out/nflog.pcapng"])
        let copies = text.split(separator: "\n")
        #expect(copies.count == 3)
        #expect(copies[0].hasPrefix("1700000000.001000 ") && copies[0].contains("resource ID 7, family IPv4 (2)"))
        #expect(copies[1].hasPrefix("1700000000.002500 ") && copies[1].contains("resource ID 3"))
        #expect(copies[1].contains("10.0.0.2.5000 > 198.51.100.2.80: Flags [S]"))
        #expect(copies[2].hasPrefix("1700000000.003000 ") && copies[2].contains("10.0.0.2.5000 > 198.51.100.2.54"))
    }

    @Test("copies go into a file for each group if the path is a folder's")
    func groups() throws {
        let folder = try Folder()
        let files = NFLogFiles(path: folder.path)
        for group in [UInt16(1), 2, 1] { files.write([2, 0, 0, UInt8(group)], group: group, time: Self.time) }
        #expect(files.flush() == 0)
        #expect(try filesIn(folder.path) == ["nflog-1.pcapng", "nflog-2.pcapng"])
        let first = try readFile(folder.path + "/nflog-1.pcapng").count
        files.reopen()
        files.write([2, 0, 0, 1], group: 1, time: Self.time)
        #expect(files.flush() == 0)
        // A new section, as whoever takes the file away in between would want it.
        #expect(try readFile(folder.path + "/nflog-1.pcapng").count > first + 48)
        let lines = try Program.require(["tcpdump", "-n", "-e", "-r", folder.path + "/nflog-1.pcapng"]).split(separator: "\n")
        #expect(lines.count == 3)
    }

    @Test("the attributes of a copy are those of the kernel's message")
    func attributes() {
        var header = ReportHeader(kind: .copy, hook: .forward, time: Instant(nanoseconds: 0))
        header.group = 0x0102
        header.mark = 0xA1B2_C3D4
        header.ingress = PortIndex(rawValue: 0)
        header.egress = PortIndex(rawValue: 1)
        let report = Report(header: header, prefix: Array("ab".utf8), link: Array(0..<14), packet: Array(0x45..<0x4A))
        let names = InterfaceNames(names: ["lan0", "wan0"], links: [LinkIndex(rawValue: 3), LinkIndex(rawValue: 260)])
        let bytes = NFLogMessage.bytes(of: report, time: Self.time, interfaces: names)
        #expect(bytes == [
            2, 0, 1, 2,
            8, 0, 1, 0, 0x08, 0x00, 2, 0,
            7, 0, 10, 0, 0x61, 0x62, 0, 0,
            8, 0, 4, 0, 0, 0, 0, 3,
            8, 0, 5, 0, 0, 0, 1, 4,
            8, 0, 2, 0, 0xA1, 0xB2, 0xC3, 0xD4,
            16, 0, 8, 0, 0, 6, 0, 0, 6, 7, 8, 9, 10, 11, 0, 0,
            6, 0, 15, 0, 0, 1, 0, 0,
            6, 0, 17, 0, 0, 14, 0, 0,
            18, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 0,
            20, 0, 3, 0, 0, 0, 0, 0, 0x65, 0x53, 0xF1, 0, 0, 0, 0, 0, 0, 1, 0xE2, 0x40,
            9, 0, 9, 0, 0x45, 0x46, 0x47, 0x48, 0x49, 0, 0, 0,
        ])
    }
}
