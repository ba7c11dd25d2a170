import Net

/// A packet's text in which numbers may be left open: `*` matches any, `$name` any the first time and the same from
/// then on, `$name+1` counts on from it (modulo 2³²).
///
/// Ethernet addresses and tags are compared only where the text has them.
public struct PacketPattern: Sendable, CustomStringConvertible {
    /// Variables and what they stand for.
    public typealias Bindings = [String: UInt64]

    /// As written.
    public let text: String
    public var description: String { text }

    /// - Throws: `PacketTextError` if the text is no packet even with its variables bound.
    public init(_ text: String) throws(PacketTextError) {
        self.text = text
        var reader = PacketTextReader(text: Self.neutral(text), wildcards: [:])
        _ = try reader.packet()
    }

    /// Compares a packet with the pattern, variables bound so far filled in. New ones are bound only if all fits.
    ///
    /// - Returns: what differs, one field each, "ttl is 64, not 63"; empty if the packet fits.
    public func differences(from packet: TestPacket, bindings: inout Bindings) -> [String] {
        var reader = PacketTextReader(text: Self.substitute(text, bindings), wildcards: [:])
        let expected: TestPacket
        do { expected = try reader.packet() } catch { return ["\(error)"] }
        let open = reader.wildcards ?? [:]
        let wanted = expected.fields
        // A header written as bytes is compared as such: its options may be none that have a text.
        var found = (expected.ip != nil && expected.transport == .bare ? packet.asBare : packet).fields
        if expected.ethernet == nil { found["eth"] = nil }
        if expected.tags.isEmpty && expected.ethernet == nil { found["tags"] = wanted["tags"] }

        var differences: [String] = []
        var new = bindings
        for field in Set(wanted.keys).union(found.keys).sorted() {
            if let name = open[field], let value = found[field] {
                guard name.hasPrefix("$"), let number = UInt64(value) else { continue }
                if let bound = new[name], bound != number {
                    differences.append("\(field) is \(number), not \(name) = \(bound)")
                }
                new[name] = number
            } else if wanted[field] != found[field] {
                differences.append("\(field) is \(found[field] ?? "absent"), not \(wanted[field] ?? "expected")")
            }
        }
        if differences.isEmpty { bindings = new }
        return differences
    }

    /// Fills in variables that are bound; the others stay.
    public static func substitute(_ text: String, _ bindings: Bindings) -> String {
        replaceVariables(in: text) { name, plus in
            bindings[name].map { String(plus == nil ? $0 : ($0 + plus!) & 0xFFFF_FFFF) }
        }
    }

    /// `$name+1` before `$name` is known is any number; so a pattern can be checked before it is used.
    private static func neutral(_ text: String) -> String {
        replaceVariables(in: text) { name, plus in plus == nil ? nil : "*" }
    }

    private static func replaceVariables(in text: String, _ value: (String, UInt64?) -> String?) -> String {
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[dollar...]
            let end = rest.dropFirst().firstIndex { !($0.isLetter || $0.isNumber || $0 == "_") } ?? rest.endIndex
            let name = String(rest[..<end])
            rest = rest[end...]
            var plus: UInt64?
            var plusText = Substring()
            if rest.first == "+" {
                let digits = rest.dropFirst().prefix { $0.isNumber }
                plus = UInt64(digits)
                plusText = rest[..<digits.endIndex]
                rest = rest[digits.endIndex...]
            }
            result += value(name, plus) ?? name + plusText
        }
        return result + rest
    }
}

extension TestPacket {
    /// The same packet with its transport header as payload.
    var asBare: TestPacket {
        guard let ip, transport != .bare else { return self }
        var bare = self
        bare.transport = .bare
        bare.payload = Array(packetBytes[(20 + ip.options.count)...])
        return bare
    }

    /// Every field by name, with defaults; the packet that an ICMP error quotes has its own under `quoted.`.
    public var fields: [String: String] {
        var fields: [String: String] = [:]
        if let ethernet { fields["eth"] = "\(ethernet.source) > \(ethernet.destination)" }
        fields["tags"] = tags.map { "\($0.etherType == 0x8100 ? "vlan" : "svlan") \($0.id):\($0.priority)" }.joined(
            separator: " ")
        fields["ethertype"] = String(etherType)
        if let ip {
            fields["src"] = "\(ip.source)"
            fields["dst"] = "\(ip.destination)"
            fields["proto"] = String(ip.proto.rawValue)
            fields["ttl"] = String(ip.ttl)
            fields["tos"] = String(ip.tos)
            fields["id"] = String(ip.id)
            fields["ip flags"] =
                (ip.reserved ? "rf " : "") + (ip.dontFragment ? "df " : "") + (ip.moreFragments ? "mf" : "")
            fields["off"] = String(ip.offset)
            fields["ipopt"] = PacketTextPrinter.hex(ip.options)
            fields["total"] = ip.totalLength.map { String($0) } ?? "true"
            fields["ipsum"] = "\(ip.checksum)"
        }
        switch transport {
        case .tcp(let tcp):
            fields["sport"] = String(tcp.sourcePort)
            fields["dport"] = String(tcp.destinationPort)
            fields["flags"] = PacketTextPrinter.flags(tcp.flags)
            fields["seq"] = String(tcp.sequence)
            fields["ack"] = String(tcp.acknowledgment)
            fields["win"] = String(tcp.window)
            fields["urg"] = String(tcp.urgent)
            fields["sum"] = "\(tcp.checksum)"
            addOptions(PacketTextPrinter.options(tcp.options) ?? "x " + PacketTextPrinter.hex(tcp.options), to: &fields)
        case .udp(let udp):
            fields["sport"] = String(udp.sourcePort)
            fields["dport"] = String(udp.destinationPort)
            fields["ulen"] = udp.length.map { String($0) } ?? "true"
            fields["sum"] = "\(udp.checksum)"
        case .icmp(let icmp):
            fields["icmp"] = "\(icmp.type)/\(icmp.code)"
            fields["sum"] = "\(icmp.checksum)"
            if [0, 8, 13, 14].contains(icmp.type) {
                fields["icmpid"] = String(icmp.rest >> 16)
                fields["icmpseq"] = String(icmp.rest & 0xFFFF)
            } else if icmp.type == 3 && icmp.code == 4 && icmp.rest >> 16 == 0 {
                fields["mtu"] = String(icmp.rest)
            } else {
                fields["rest"] = String(icmp.rest)
            }
        case .bare: break
        }
        if quotedText != nil, let quoted {
            for (name, value) in quoted.fields where name != "tags" && name != "ethertype" {
                fields["quoted." + name] = value
            }
        } else {
            fields["payload"] = PacketTextPrinter.payload(payload)
        }
        return fields
    }

    private func addOptions(_ text: String, to fields: inout [String: String]) {
        let words = text.split(separator: " ").map(String.init)
        var order: [String] = []
        var at = 0
        while at < words.count {
            order.append(words[at])
            if words[at] != "nop" && words[at] != "sackok" && at + 1 < words.count {
                fields[words[at]] = words[at + 1]
                at += 1
            }
            at += 1
        }
        fields["tcp options"] = order.joined(separator: " ")
    }
}
