import Net
import TestSupport

/// Ports and ICMP identifiers that NAT chose at random, under names: `$n1` is the first that came out, and so on. Two routers
/// that do the same name the same things alike, whatever numbers they chose.
struct NumberNames {
    /// Numbers that stand in the rules or in what was sent: nobody chose them.
    private var known: Set<UInt16>
    private var names: [UInt16: String] = [:]
    private(set) var bindings: PacketPattern.Bindings
    /// Of each chosen number, by name: whether it lies in a range that the rules name, or else among which it was chosen
    /// (nf_nat_l4proto_unique_tuple in net/netfilter/nf_nat_core.c).
    private(set) var classes: [String: String] = [:]
    private var ranges: [ClosedRange<UInt16>] = []

    /// - Parameter given: names that are bound beforehand.
    init(rules: String, given: PacketPattern.Bindings = [:]) {
        known = []
        bindings = given
        for word in rules.split(whereSeparator: { !$0.isNumber }) { learn(UInt16(word)) }
        for word in rules.split(whereSeparator: { " :\n".contains($0) }) {
            let ends = word.split(separator: "-").compactMap { UInt16($0) }
            if ends.count == 2, ends[0] <= ends[1], Pool.chosenPorts.contains(Int(ends[0])) { ranges.append(ends[0]...ends[1]) }
            if ends.count == 1, Pool.chosenPorts.contains(Int(ends[0])) { ranges.append(ends[0]...ends[0]) }
        }
    }

    private mutating func learn(_ number: UInt16?) {
        guard let number, !Pool.chosenPorts.contains(Int(number)) else { return }
        known.insert(number)
    }

    /// What is sent is known, and so is what a quoted packet in it says.
    mutating func sent(_ packet: TestPacket) {
        for number in Self.numbers(packet) where names[number] == nil { learn(number) }
    }

    /// Gives names to what nobody knows yet.
    mutating func received(_ packet: TestPacket) {
        for number in Self.numbers(packet) where !known.contains(number) && names[number] == nil {
            let name = "$n\(names.count + 1)"
            names[number] = name
            bindings[name] = UInt64(number)
            // Identifiers are chosen among all there are.
            let isPort = if case .icmp = packet.transport { false } else { true }
            classes[name] =
                ranges.contains { $0.contains(number) }
                ? "of a range" : !isPort ? "any" : number < 512 ? "below 512" : number < 1024 ? "below 1024" : "high"
        }
    }

    func isKnown(_ number: UInt16) -> Bool { known.contains(number) }

    /// A number's name, or the number if nobody chose it.
    func name(of number: UInt16) -> String { known.contains(number) ? String(number) : names[number] ?? "chosen" }

    /// Ports and identifiers of a packet and of the one that it quotes.
    private static func numbers(_ packet: TestPacket) -> [UInt16] {
        var numbers = packet.ports.map { [$0.source, $0.destination] } ?? packet.sctpPorts.map { [$0.source, $0.destination] } ?? []
        if case .icmp(let icmp) = packet.transport, icmp.isError, let quoted = TestPacket(packet: packet.payload) {
            numbers += self.numbers(quoted)
        }
        return numbers
    }

    /// Takes chosen ports, and the checksum that follows from them, out of a first fragment, whose text is only bytes.
    func hide(in packet: inout TestPacket) {
        if case .icmp(let icmp) = packet.transport, icmp.isError, var quoted = TestPacket(packet: packet.payload, trustsTransportSum: true),
            quoted.sctpPorts != nil
        {
            let length = quoted.payload.count
            hide(in: &quoted)
            let rest = packet.payload.suffix(length).indices
            packet.payload.replaceSubrange(rest, with: quoted.payload)
            return
        }
        if let ports = packet.sctpPorts {
            if !known.contains(ports.source) || !known.contains(ports.destination) { for place in [0, 1, 2, 3, 8, 9, 10, 11] where place < packet.payload.count { packet.payload[place] = 0 } }
            return
        }
        guard let ip = packet.ip, ip.moreFragments, ip.offset == 0, [6, 17].contains(ip.proto.rawValue),
            packet.payload.count >= 8
        else { return }
        let ports = [0, 2].map { UInt16(packet.payload[$0]) << 8 | UInt16(packet.payload[$0 + 1]) }
        if ports.allSatisfy({ known.contains($0) }) { return }
        for place in [0, 1, 2, 3] + (ip.proto == .udp ? [6, 7] : [16, 17]) where place < packet.payload.count {
            packet.payload[place] = 0
        }
    }

    /// The packet's text with names in place of numbers.
    func text(of packet: TestPacket) -> String {
        var words = packet.description.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        for index in words.indices {
            let before = index > 0 ? words[index - 1] : ""
            if index >= 3, words[index - 3] == "type", let number = UInt8(words[index - 2]), number >= 13, let rest = UInt32(words[index]) {
                // A timestamp, information or mask with a code of no meaning: identifier and sequence number in one.
                words[index] = "\(name(of: UInt16(rest >> 16))) \(rest & 0xFFFF)"
                continue
            }
            words[index] = renamed(words[index], after: before)
        }
        return words.joined(separator: " ")
    }

    private func renamed(_ word: String, after before: String) -> String {
        if ["echo", "echo-reply", "timestamp", "timestamp-reply"].contains(before) {
            return UInt16(word).map { name(of: $0) } ?? word
        }
        let parts = word.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, IPv4Address(parts[0]) != nil, let number = UInt16(parts[1]) else {
            return word
        }
        return "\(parts[0]):\(name(of: number))"
    }

    /// A line of /proc/net/nf_conntrack with names, and without what says when it was asked: timeout and references.
    func text(ofFlow line: String) -> String {
        var words = line.split(separator: " ").map { String($0) }
        if words.first == "ipv4" { words.removeFirst(2) }
        if words.count > 2, Int(words[2]) != nil { words.remove(at: 2) }
        words = words.compactMap { word in
            let parts = word.split(separator: "=")
            guard parts.count == 2 else { return word }
            if parts[0] == "use" { return nil }
            guard ["sport", "dport", "id"].contains(parts[0]), let number = UInt16(parts[1]), !known.contains(number)
            else { return word }
            return "\(parts[0])=\(names[number] ?? "chosen")"
        }
        return words.joined(separator: " ")
    }
}

extension TestPacket {
    /// The ports of a whole SCTP packet, or of its first fragment, which for these tests is payload.
    var sctpPorts: (source: UInt16, destination: UInt16)? {
        guard let ip, ip.proto == .sctp, ip.offset == 0, case .bare = transport, payload.count >= 12 else { return nil }
        return (UInt16(payload[0]) << 8 | UInt16(payload[1]), UInt16(payload[2]) << 8 | UInt16(payload[3]))
    }
}
