import Net

// Packets in one line.
//
//     tcp 10.0.0.2:1000 > 198.51.100.2:80 S seq 7 mss 1460 nop ws 7
//     udp 10.0.0.2:5000 > 198.51.100.2:53 "a question"
//     icmp 10.0.0.2 > 198.51.100.2 echo 7 1 ttl 1 len 56
//     icmp 198.51.100.9 > 10.0.0.2 port-unreachable [udp 10.0.0.2:5000 > 198.51.100.9:53 ttl 63 len 10]
//     ip 10.0.0.2 > 198.51.100.2 proto 17 id 9 mf off 1480 len 1480
//     eth 02:00:00:00:01:02 > 02:00:00:00:01:01 vlan 5 udp 10.0.0.2:1 > 10.0.0.1:2
//     eth 02:00:00:00:01:02 > ff:ff:ff:ff:ff:ff frame 0x0806 x 0001080006040001
//
// In front, optional:  eth MAC > MAC    vlan ID[:PRIORITY] (802.1Q) or svlan ID[:PRIORITY] (802.1ad), outermost first
// Then one of
//   tcp A:P > A:P FLAGS    letters of S F R P U E C A, or "-" for none (E is ECE, C is CWR)
//       seq N  ack N  win N (65535)  urg N; options in their order: mss N  ws N  sackok  sack L-R[,L-R…]  ts V:E  nop
//       opt KIND:HEX; padded with end-of-options
//   udp A:P > A:P          nosum (checksum 0)  ulen N (a length field that is not true)
//   icmp A > A KIND        echo ID SEQ   echo-reply ID SEQ   timestamp ID SEQ   timestamp-reply ID SEQ
//       net- host- proto- port-unreachable   frag-needed MTU   source-route-failed   net-unknown   host-unknown
//       net-prohibited   host-prohibited   admin-prohibited   source-quench   redirect-net GATEWAY   redirect-host GATEWAY
//       ttl-exceeded   reassembly-exceeded   parameter-problem POINTER   type TYPE CODE REST (any other)
//   ip A > A proto N       everything behind the header is payload: fragments, other protocols, broken headers
//   frame ETHERTYPE        not IPv4
// IPv4 fields, anywhere behind:  ttl N (64)  tos 0xNN (0)  id N (0)  df  mf  rf  off BYTES  ipopt HEX  total N (a length
//       that is not true)  ipsum 0xNNNN  badipsum
// Transport checksum:  badsum (the right one plus 1)  sum 0xNNNN
// Payload, at the end:  len N (the bytes 0 1 2 … 255 0 …)  "text" (\n \r \t \\ \" \xNN)  x HEX  [quoted packet]
//
// The printer is canonical: defaults are left out, the order is the one above (IPv4 fields behind the transport's), and
// reading what it printed gives the same bytes. Text in which a number may be `*` (any) or `$name` (any, remembered, and
// the same wherever the name stands again; `$name+1` counts on) is a `PacketPattern`.

/// What is wrong with a packet's text.
public struct PacketTextError: Error, CustomStringConvertible {
    public var message: String
    public var text: String
    public var description: String { "\(message) in packet: \(text)" }
}

extension TestPacket {
    /// Reads one packet; the format stands at the top of `PacketText.swift`.
    public init(_ text: String) throws(PacketTextError) {
        var reader = PacketTextReader(text: text)
        self = try reader.packet()
    }
}

/// The kinds of ICMP that have a name; what follows the name is one of the `Rest` forms.
enum ICMPName {
    enum Rest { case none, echo, number, gateway, pointer }

    static let all: [(name: String, type: UInt8, code: UInt8, rest: Rest)] = [
        ("echo", 8, 0, .echo), ("echo-reply", 0, 0, .echo), ("timestamp", 13, 0, .echo),
        ("timestamp-reply", 14, 0, .echo),
        ("net-unreachable", 3, 0, .none), ("host-unreachable", 3, 1, .none), ("proto-unreachable", 3, 2, .none),
        ("port-unreachable", 3, 3, .none), ("frag-needed", 3, 4, .number), ("source-route-failed", 3, 5, .none),
        ("net-unknown", 3, 6, .none), ("host-unknown", 3, 7, .none), ("net-prohibited", 3, 9, .none),
        ("host-prohibited", 3, 10, .none), ("admin-prohibited", 3, 13, .none), ("source-quench", 4, 0, .none),
        ("redirect-net", 5, 0, .gateway), ("redirect-host", 5, 1, .gateway), ("ttl-exceeded", 11, 0, .none),
        ("reassembly-exceeded", 11, 1, .none), ("parameter-problem", 12, 0, .pointer),
    ]
}

/// Reads tokens from left to right; numbers may be wildcards if `wildcards` is not nil.
struct PacketTextReader {
    let text: String
    private var tokens: [String] = []
    private var next = 0
    /// Path of a field → `*` or the variable's name. nil: wildcards are errors.
    var wildcards: [String: String]?
    private var prefix = ""

    init(text: String, wildcards: [String: String]? = nil, prefix: String = "") {
        self.text = text
        self.wildcards = wildcards
        self.prefix = prefix
        tokens = Self.split(text)
    }

    /// Splits at blanks, but keeps "strings" and [quotes] whole.
    private static func split(_ text: String) -> [String] {
        var tokens: [String] = []
        var token = ""
        var depth = 0
        var quoted = false
        var escaped = false
        for character in text {
            if quoted {
                token.append(character)
                if escaped {
                    escaped = false
                } else if character == "\\" {
                    escaped = true
                } else if character == "\"" {
                    quoted = false
                }
            } else if character == " " && depth == 0 {
                if !token.isEmpty { tokens.append(token) }
                token = ""
            } else {
                token.append(character)
                if character == "\"" {
                    quoted = true
                } else if character == "[" {
                    depth += 1
                } else if character == "]" {
                    depth -= 1
                }
            }
        }
        if !token.isEmpty { tokens.append(token) }
        return tokens
    }

    private func fail(_ message: String) -> PacketTextError { PacketTextError(message: message, text: text) }

    private var hasMore: Bool { next < tokens.count }

    private mutating func token(_ what: String) throws(PacketTextError) -> String {
        guard next < tokens.count else { throw fail("\(what) is missing at the end") }
        defer { next += 1 }
        return tokens[next]
    }

    private mutating func number<N: FixedWidthInteger>(
        _ field: String, of token: String, as type: N.Type = N.self
    ) throws(PacketTextError) -> N {
        if token == "*" || token.hasPrefix("$") {
            guard wildcards != nil else {
                throw fail("\"\(token)\" stands for any number, which only a pattern allows")
            }
            wildcards?[prefix + field] = token
            return 0
        }
        let value = token.hasPrefix("0x") ? N(token.dropFirst(2), radix: 16) : N(token)
        guard let value else { throw fail("\(field) is not a number from \(N.min) to \(N.max): \"\(token)\"") }
        return value
    }

    private mutating func number<N: FixedWidthInteger>(_ field: String, as type: N.Type = N.self)
        throws(PacketTextError) -> N
    {
        try number(field, of: try token(field))
    }

    private func hex(_ field: String, _ token: some StringProtocol) throws(PacketTextError) -> [UInt8] {
        let digits = Array(token.utf8)
        guard digits.count % 2 == 0 else {
            throw fail("\(field) needs an even number of hexadecimal digits: \"\(token)\"")
        }
        var bytes: [UInt8] = []
        for at in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[at..<at + 2], as: UTF8.self), radix: 16) else {
                throw fail("\(field) is not hexadecimal: \"\(token)\"")
            }
            bytes.append(byte)
        }
        return bytes
    }

    private func address(_ text: some StringProtocol) throws(PacketTextError) -> IPv4Address {
        guard let address = IPv4Address(text) else { throw fail("not an IPv4 address: \"\(text)\"") }
        return address
    }

    private mutating func arrow() throws(PacketTextError) {
        let token = try token("\">\"")
        guard token == ">" else { throw fail("\">\" expected, not \"\(token)\"") }
    }

    private mutating func endpoint(_ side: String) throws(PacketTextError) -> (IPv4Address, UInt16) {
        let parts = try token("ADDRESS:PORT").split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw fail("ADDRESS:PORT expected, not \"\(parts.joined(separator: ":"))\"") }
        return (try address(parts[0]), try number(side, of: String(parts[1])))
    }

    mutating func packet() throws(PacketTextError) -> TestPacket {
        var ethernet: TestPacket.Ethernet?
        var tags: [TestPacket.Tag] = []
        while true {
            let word = try token("a protocol")
            switch word {
            case "eth":
                let source = try mac()
                try arrow()
                ethernet = TestPacket.Ethernet(source: source, destination: try mac())
                continue
            case "vlan", "svlan":
                let parts = try token("VLAN ID").split(separator: ":")
                let id: UInt16 = try number("vlan", of: String(parts[0]))
                let priority: UInt8 = parts.count > 1 ? try number("priority", of: String(parts[1])) : 0
                guard id < 4096, priority < 8, parts.count <= 2 else {
                    throw fail("VLAN ID is 0-4095 and priority 0-7")
                }
                tags.append(.init(id: id, priority: priority, etherType: word == "vlan" ? 0x8100 : 0x88A8))
                continue
            default: break
            }
            var packet = try body(word)
            packet.ethernet = ethernet
            packet.tags = tags
            guard !hasMore else { throw fail("unknown \"\(tokens[next])\"") }
            return packet
        }
    }

    private mutating func mac() throws(PacketTextError) -> MACAddress {
        let text = try token("an Ethernet address")
        guard let address = MACAddress(text) else { throw fail("not an Ethernet address: \"\(text)\"") }
        return address
    }

    private mutating func body(_ word: String) throws(PacketTextError) -> TestPacket {
        var packet: TestPacket
        switch word {
        case "tcp":
            let (source, sourcePort) = try endpoint("sport")
            try arrow()
            let (destination, destinationPort) = try endpoint("dport")
            var tcp = TestPacket.TCP(sourcePort: sourcePort, destinationPort: destinationPort)
            tcp.flags = try flags(try token("TCP flags"))
            packet = TestPacket(ip: .init(source: source, destination: destination, proto: .tcp), transport: .tcp(tcp))
        case "udp":
            let (source, sourcePort) = try endpoint("sport")
            try arrow()
            let (destination, destinationPort) = try endpoint("dport")
            packet = TestPacket(
                ip: .init(source: source, destination: destination, proto: .udp),
                transport: .udp(.init(sourcePort: sourcePort, destinationPort: destinationPort)))
        case "icmp":
            let (source, destination) = try addresses()
            packet = TestPacket(
                ip: .init(source: source, destination: destination, proto: .icmp), transport: .icmp(try icmp()))
        case "ip":
            let (source, destination) = try addresses()
            packet = TestPacket(ip: .init(source: source, destination: destination, proto: .init(rawValue: 255)))
        case "frame":
            packet = TestPacket(ip: nil)
            packet.etherType = try number("ethertype")
        default: throw fail("a packet starts with eth, vlan, tcp, udp, icmp, ip or frame, not \"\(word)\"")
        }
        while hasMore { try field(try token("a field"), of: &packet) }
        if case .tcp(var tcp) = packet.transport {
            while tcp.options.count % 4 != 0 { tcp.options.append(0) }
            guard tcp.options.count <= 40 else {
                throw fail("TCP options are at most 40 bytes, not \(tcp.options.count)")
            }
            packet.transport = .tcp(tcp)
        }
        return packet
    }

    private mutating func addresses() throws(PacketTextError) -> (IPv4Address, IPv4Address) {
        let source = try address(try token("an address"))
        try arrow()
        return (source, try address(try token("an address")))
    }

    private func flags(_ token: String) throws(PacketTextError) -> UInt8 {
        if token == "-" { return 0 }
        var flags: UInt8 = 0
        for letter in token {
            guard let place = PacketTextPrinter.flagLetters.first(where: { $0.letter == letter }) else {
                throw fail("TCP flags are letters of SFRPUECA or \"-\", not \"\(token)\"")
            }
            flags |= place.bit
        }
        return flags
    }

    private mutating func icmp() throws(PacketTextError) -> TestPacket.ICMP {
        let name = try token("an ICMP kind")
        if name == "type" {
            return .init(type: try number("type"), code: try number("code"), rest: try number("rest"))
        }
        guard let kind = ICMPName.all.first(where: { $0.name == name }) else {
            throw fail("unknown ICMP kind \"\(name)\"")
        }
        var icmp = TestPacket.ICMP(type: kind.type, code: kind.code)
        switch kind.rest {
        case .none: break
        case .echo:
            let id: UInt16 = try number("icmpid")
            let sequence: UInt16 = try number("icmpseq")
            icmp.rest = UInt32(id) << 16 | UInt32(sequence)
        case .number: icmp.rest = UInt32(try number("mtu", as: UInt16.self))
        case .gateway: icmp.rest = try address(try token("a gateway")).rawValue
        case .pointer: icmp.rest = UInt32(try number("pointer", as: UInt8.self)) << 24
        }
        return icmp
    }

    /// One field behind the addresses; what belongs to another protocol is an error.
    private mutating func field(_ name: String, of packet: inout TestPacket) throws(PacketTextError) {
        if try payload(name, of: &packet) { return }
        guard var ip = packet.ip else { throw fail("unknown \"\(name)\"") }
        switch name {
        case "ttl": ip.ttl = try number(name)
        case "tos": ip.tos = try number(name)
        case "id": ip.id = try number(name)
        case "df": ip.dontFragment = true
        case "mf": ip.moreFragments = true
        case "rf": ip.reserved = true
        case "off":
            ip.offset = try number(name)
            guard ip.offset % 8 == 0, (0...65528).contains(ip.offset) else {
                throw fail("a fragment's offset is a multiple of 8 up to 65528, not \(ip.offset)")
            }
        case "ipopt":
            ip.options = try hex(name, try token(name))
            guard ip.options.count % 4 == 0, ip.options.count <= 40 else {
                throw fail("IP options are a multiple of 4 and at most 40 bytes")
            }
        case "total": ip.totalLength = try number(name)
        case "badipsum": ip.checksum = .wrong
        case "ipsum": ip.checksum = .value(try number(name))
        case "proto" where packet.transport == .bare: ip.proto = .init(rawValue: try number(name))
        case "badsum" where packet.transport != .bare: packet.setChecksum(.wrong)
        case "sum" where packet.transport != .bare: packet.setChecksum(.value(try number(name)))
        default:
            switch packet.transport {
            case .tcp(var tcp):
                try field(name, of: &tcp)
                packet.transport = .tcp(tcp)
            case .udp(var udp):
                if name == "nosum" {
                    udp.checksum = .value(0)
                } else if name == "ulen" {
                    udp.length = try number(name)
                } else {
                    throw fail("unknown \"\(name)\"")
                }
                packet.transport = .udp(udp)
            case .icmp, .bare: throw fail("unknown \"\(name)\"")
            }
        }
        packet.ip = ip
    }

    private mutating func field(_ name: String, of tcp: inout TestPacket.TCP) throws(PacketTextError) {
        func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * UInt32($0)) & 255) } }
        switch name {
        case "seq": tcp.sequence = try number(name)
        case "ack": tcp.acknowledgment = try number(name)
        case "win": tcp.window = try number(name)
        case "urg": tcp.urgent = try number(name)
        case "nop": tcp.options += [1]
        case "mss":
            let value: UInt16 = try number(name)
            tcp.options += [2, 4, UInt8(value >> 8), UInt8(value & 255)]
        case "ws": tcp.options += [3, 3, try number(name)]
        case "sackok": tcp.options += [4, 2]
        case "sack":
            let blocks = try token(name).split(separator: ",")
            tcp.options += [5, UInt8(truncatingIfNeeded: 2 + 8 * blocks.count)]
            for block in blocks {
                let edges = block.split(separator: "-")
                guard edges.count == 2 else { throw fail("a SACK block is LEFT-RIGHT, not \"\(block)\"") }
                for edge in edges { tcp.options += big(try number(name, of: String(edge))) }
            }
        case "ts":
            let parts = try token(name).split(separator: ":")
            guard parts.count == 2 else { throw fail("a timestamp is VALUE:ECHO") }
            tcp.options += [8, 10]
            for part in parts { tcp.options += big(try number(name, of: String(part))) }
        case "opt":
            let parts = try token(name).split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw fail("a TCP option is KIND:HEX") }
            let data = try hex(name, parts[1])
            tcp.options += [try number(name, of: String(parts[0])), UInt8(truncatingIfNeeded: 2 + data.count)] + data
        default: throw fail("unknown \"\(name)\"")
        }
    }

    /// True if the token was a payload.
    private mutating func payload(_ token: String, of packet: inout TestPacket) throws(PacketTextError) -> Bool {
        if token == "len" {
            packet.payload = TestPacket.pattern(Int(try number("len", as: UInt16.self)))
        } else if token == "x" {
            packet.payload = try hex("x", try self.token("payload"))
        } else if token.hasPrefix("\"") {
            packet.payload = try string(token)
        } else if token.hasPrefix("[") {
            guard token.hasSuffix("]") else { throw fail("\"]\" is missing") }
            var inner = PacketTextReader(
                text: String(token.dropFirst().dropLast()), wildcards: wildcards, prefix: prefix + "quoted.")
            packet.payload = try inner.packet().packetBytes
            wildcards = inner.wildcards
        } else {
            return false
        }
        return true
    }

    private func string(_ token: String) throws(PacketTextError) -> [UInt8] {
        guard token.count >= 2, token.hasSuffix("\"") else { throw fail("the closing quote is missing") }
        var bytes: [UInt8] = []
        var rest = token.dropFirst().dropLast().utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "n"): bytes.append(10)
            case UInt8(ascii: "r"): bytes.append(13)
            case UInt8(ascii: "t"): bytes.append(9)
            case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "\""): bytes.append(UInt8(ascii: "\""))
            case UInt8(ascii: "x"):
                bytes += try hex("\\x", String(decoding: rest.prefix(2), as: UTF8.self))
                rest = rest.dropFirst(2)
            default: throw fail("unknown escape in \(token)")
            }
        }
        return bytes
    }
}
