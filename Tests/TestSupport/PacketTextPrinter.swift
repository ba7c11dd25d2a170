import Net

/// Prints packets in the canonical form that the top of `PacketText.swift` describes.
enum PacketTextPrinter {
    static let flagLetters: [(letter: Character, bit: UInt8)] = [
        ("S", 2), ("F", 1), ("R", 4), ("P", 8), ("U", 32), ("E", 64), ("C", 128), ("A", 16),
    ]

    static func flags(_ flags: UInt8) -> String {
        flags == 0 ? "-" : String(flagLetters.filter { flags & $0.bit != 0 }.map(\.letter))
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// TCP options as text, or nil if they are not a chain of well-formed options with minimal padding.
    static func options(_ bytes: [UInt8]) -> String? {
        func number(_ range: Range<Int>) -> UInt32 { bytes[range].reduce(0) { $0 << 8 | UInt32($1) } }
        var words: [String] = []
        var at = 0
        while at < bytes.count {
            let kind = bytes[at]
            if kind == 0 {
                guard bytes.count - at < 4, bytes[at...].allSatisfy({ $0 == 0 }) else { return nil }
                break
            }
            if kind == 1 {
                words.append("nop")
                at += 1
                continue
            }
            guard at + 1 < bytes.count, bytes[at + 1] >= 2, at + Int(bytes[at + 1]) <= bytes.count else { return nil }
            let length = Int(bytes[at + 1])
            let data = at + 2..<at + length
            switch (kind, length) {
            case (2, 4): words.append("mss \(number(data))")
            case (3, 3): words.append("ws \(number(data))")
            case (4, 2): words.append("sackok")
            case (5, 10...) where (length - 2) % 8 == 0:
                let blocks = stride(from: data.lowerBound, to: data.upperBound, by: 8).map {
                    "\(number($0..<$0 + 4))-\(number($0 + 4..<$0 + 8))"
                }
                words.append("sack " + blocks.joined(separator: ","))
            case (8, 10):
                words.append(
                    "ts \(number(data.lowerBound..<data.lowerBound + 4)):\(number(data.lowerBound + 4..<data.upperBound))"
                )
            default: words.append("opt \(kind):\(hex(bytes[data]))")
            }
            at += length
        }
        return words.joined(separator: " ")
    }

    static func payload(_ bytes: [UInt8]) -> String {
        if bytes.isEmpty { return "" }
        if bytes == TestPacket.pattern(bytes.count) { return "len \(bytes.count)" }
        if bytes.allSatisfy({ (32...126).contains($0) || [9, 10, 13].contains($0) }) {
            let escapes: [UInt8: String] = [10: "\\n", 13: "\\r", 9: "\\t", 34: "\\\"", 92: "\\\\"]
            return "\"" + bytes.map { escapes[$0] ?? String(UnicodeScalar($0)) }.joined() + "\""
        }
        return "x " + hex(bytes)
    }
}

extension TestPacket: CustomStringConvertible {
    /// The canonical text.
    public var description: String {
        if let bare = asBareIfNotPrintable { return bare.description }
        var words: [String] = []
        if let ethernet { words.append("eth \(ethernet.source) > \(ethernet.destination)") }
        for tag in tags {
            words.append(
                "\(tag.etherType == 0x8100 ? "vlan" : "svlan") \(tag.id)" + (tag.priority > 0 ? ":\(tag.priority)" : "")
            )
        }
        guard let ip else {
            words.append("frame 0x" + PacketTextPrinter.hex([UInt8(etherType >> 8), UInt8(etherType & 255)]))
            words.append(PacketTextPrinter.payload(payload))
            return words.filter { !$0.isEmpty }.joined(separator: " ")
        }
        words.append(contentsOf: transportWords(ip))
        if ip.ttl != 64 { words.append("ttl \(ip.ttl)") }
        if ip.tos != 0 { words.append("tos 0x\(PacketTextPrinter.hex([ip.tos]))") }
        if ip.id != 0 { words.append("id \(ip.id)") }
        if ip.reserved { words.append("rf") }
        if ip.dontFragment { words.append("df") }
        if ip.moreFragments { words.append("mf") }
        if ip.offset != 0 { words.append("off \(ip.offset)") }
        if !ip.options.isEmpty { words.append("ipopt \(PacketTextPrinter.hex(ip.options))") }
        if let total = ip.totalLength { words.append("total \(total)") }
        words.append(text(of: ip.checksum, wrong: "badipsum", value: "ipsum"))
        words.append(quotedText ?? PacketTextPrinter.payload(payload))
        return words.filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// The text of the packet that an ICMP error quotes, in brackets.
    var quotedText: String? {
        guard case .icmp(let icmp) = transport, icmp.isError, let quoted, quoted.packetBytes == payload else {
            return nil
        }
        return "[\(quoted)]"
    }

    /// The packet that an ICMP error quotes, cut as it may be; nil for anything else.
    public var quoted: TestPacket? {
        guard case .icmp(let icmp) = transport, icmp.isError else { return nil }
        return TestPacket(packet: payload)
    }

    private func text(of sum: Checksum, wrong: String, value: String) -> String {
        switch sum {
        case .computed: ""
        case .wrong: wrong
        case .value(let number): "\(value) 0x" + PacketTextPrinter.hex([UInt8(number >> 8), UInt8(number & 255)])
        }
    }

    private func transportWords(_ ip: IP) -> [String] {
        var words: [String] = []
        switch transport {
        case .tcp(let tcp):
            let options = PacketTextPrinter.options(tcp.options) ?? ""
            words.append("tcp \(ip.source):\(tcp.sourcePort) > \(ip.destination):\(tcp.destinationPort)")
            words.append(PacketTextPrinter.flags(tcp.flags))
            if tcp.sequence != 0 { words.append("seq \(tcp.sequence)") }
            if tcp.acknowledgment != 0 { words.append("ack \(tcp.acknowledgment)") }
            if tcp.window != 65535 { words.append("win \(tcp.window)") }
            if tcp.urgent != 0 { words.append("urg \(tcp.urgent)") }
            words.append(options)
            words.append(text(of: tcp.checksum, wrong: "badsum", value: "sum"))
        case .udp(let udp):
            words.append("udp \(ip.source):\(udp.sourcePort) > \(ip.destination):\(udp.destinationPort)")
            if let length = udp.length { words.append("ulen \(length)") }
            words.append(udp.checksum == .value(0) ? "nosum" : text(of: udp.checksum, wrong: "badsum", value: "sum"))
        case .icmp(let icmp):
            words.append("icmp \(ip.source) > \(ip.destination)")
            words.append(Self.text(of: icmp))
            words.append(text(of: icmp.checksum, wrong: "badsum", value: "sum"))
        case .bare: words.append("ip \(ip.source) > \(ip.destination) proto \(ip.proto.rawValue)")
        }
        return words
    }

    /// The same packet with its TCP header as payload, if its options have no text.
    private var asBareIfNotPrintable: TestPacket? {
        guard case .tcp(let tcp) = transport, PacketTextPrinter.options(tcp.options) == nil else { return nil }
        return asBare
    }

    private static func text(of icmp: ICMP) -> String {
        if let kind = ICMPName.all.first(where: { $0.type == icmp.type && $0.code == icmp.code }) {
            switch kind.rest {
            case .none where icmp.rest == 0: return kind.name
            case .echo: return "\(kind.name) \(icmp.rest >> 16) \(icmp.rest & 0xFFFF)"
            case .number where icmp.rest >> 16 == 0: return "\(kind.name) \(icmp.rest)"
            case .gateway: return "\(kind.name) \(IPv4Address(rawValue: icmp.rest))"
            case .pointer where icmp.rest & 0xFFFFFF == 0: return "\(kind.name) \(icmp.rest >> 24)"
            default: break
            }
        }
        return "type \(icmp.type) \(icmp.code) \(icmp.rest)"
    }
}
