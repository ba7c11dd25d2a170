import Net

/// Reads elements, of which one word may stand for many: `10.0.0.0/24`, `10.0.0.1-10.0.0.9`, `10.0.0.1,tcp:80-90`.
struct SetEntryParser {
    let set: SetHeader
    let word: Word

    /// The entries a word stands for, in order.
    /// - Throws: also if they are more than the set could hold.
    static func entries(_ word: Word, for set: SetHeader) throws(RuleError) -> [SetEntry] {
        try SetEntryParser(set: set, word: word).entries()
    }

    private func fail(_ message: String, hint: String? = nil) -> RuleError {
        RuleError(message, hint: hint, at: word, exitCode: 1)
    }

    private func entries() throws(RuleError) -> [SetEntry] {
        if set.type == .listSet {
            try SetParser.checkName(word)
            return [.set(word.text)]
        }
        let parts = word.text.split(separator: ",", omittingEmptySubsequences: false)
        if parts.count < set.type.dimensions {
            throw fail("Syntax error: \(parts.count == 1 ? "Second" : "Third") element is missing from \(word.text).")
        }
        if set.type.dimensions == 1, parts.count > 1 {
            throw fail("Syntax error: Elem separator in \(word.text), but settype \(set.type.rawValue) supports none.")
        }
        guard parts.count == set.type.dimensions else {
            throw fail(
                "Syntax error: too many elements in \(word.text)",
                hint: "\(set.type.rawValue) has \(set.type.dimensions)")
        }
        switch set.type {
        case .hashIP: return try addresses(parts[0]).map { .address($0) }
        case .bitmapIP:
            let list = try addresses(parts[0])
            guard
                list.allSatisfy({ set.options.addresses.contains($0) || masked(set.options.addresses.lowerBound) == $0 }
                )
            else {
                throw fail("Element is out of the range of the set")
            }
            return list.map { .address($0) }
        case .bitmapPort:
            let ports = try ports(parts[0]).map(\.port)
            guard ports.allSatisfy({ set.options.ports.contains($0) }) else {
                throw fail("Element is out of the range of the set")
            }
            return ports.map { .port($0) }
        case .hashNet: return try networks(parts[0]).map { .network($0) }
        case .hashIPPort:
            return try product(try addresses(parts[0]), try ports(parts[1])) { .addressPort($0, $1) }
        case .hashNetPort:
            return try product(try networks(parts[0]), try ports(parts[1])) { .networkPort($0, $1) }
        case .hashIPPortIP:
            guard let last = try range(parts[2]), last.lowerBound == last.upperBound, !parts[2].contains("/") else {
                throw fail("Syntax error: plain IP address must be supplied: \(parts[2])")
            }
            return try product(try addresses(parts[0]), try ports(parts[1])) {
                .addressPortAddress($0, $1, last.lowerBound)
            }
        case .listSet: return []
        }
    }

    private func product<A, B>(_ first: [A], _ second: [B], _ make: (A, B) -> SetEntry) throws(RuleError) -> [SetEntry]
    {
        try checkCount(UInt64(first.count) * UInt64(second.count))
        return first.flatMap { a in second.map { b in make(a, b) } }
    }

    private func checkCount(_ count: UInt64) throws(RuleError) {
        let limit = set.type.isHash ? UInt64(set.options.maxElements) : 65536
        if count > limit { throw fail("Hash is full, cannot add more elements") }
    }

    // MARK: Addresses

    private func masked(_ address: IPv4Address) -> IPv4Address {
        IPv4Address(rawValue: address.rawValue & IPv4Prefix.mask(length: set.options.netmask ?? 32))
    }

    /// `A`, `A/N` or `A-B`; nil if it is none of them.
    private func range(_ text: Substring) throws(RuleError) -> ClosedRange<IPv4Address>? {
        if text.contains("/") {
            guard let prefix = IPv4Prefix(text) else { return nil }
            return prefix.network.address...prefix.last
        }
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        if ends.count == 2, let first = IPv4Address(ends[0]), let last = IPv4Address(ends[1]) {
            return min(first, last)...max(first, last)
        }
        if let address = IPv4Address(text) { return address...address }
        // A name, or several words that only look like a range.
        switch Names.addresses(ofHost: String(text)) {
        case .success(let list):
            guard let first = list.first else { return nil }
            return first...first
        case .failure: return nil
        }
    }

    /// - Throws: that what follows a slash is no length of a network.
    private func checkLength(_ text: Substring) throws(RuleError) {
        guard let slash = text.firstIndex(of: "/") else { return }
        let length = text[text.index(after: slash)...]
        guard let number = Number.parse(length, in: 0...UInt64.max) else {
            throw fail("Syntax error: '\(length)' is invalid as number")
        }
        if number > 32 { throw fail("Syntax error: '\(length)' is out of range 0-32") }
        if number == 0, set.type.isHash, set.type.hasNetworks || IPv4Address(text[..<slash]) != .any {
            throw fail(
                "The value of the CIDR parameter of the IP address is invalid",
                hint: set.type.hasNetworks ? "0.0.0.0/1 and 128.0.0.0/1 together are all addresses" : nil)
        }
    }

    private func addresses(_ text: Substring) throws(RuleError) -> [IPv4Address] {
        try checkLength(text)
        guard let range = try range(text) else {
            throw fail("Syntax error: cannot parse \(text): resolving to IPv4 address failed")
        }
        let step = UInt64(1) << UInt64(32 - (set.options.netmask ?? 32))
        let first = UInt64(masked(range.lowerBound).rawValue)
        let last = UInt64(range.upperBound.rawValue)
        if first == 0 {
            if set.type == .hashIP { throw fail("Null-valued element, cannot be stored in a hash type of set") }
            if set.type == .hashIPPort { throw fail("Kernel error received: Invalid argument") }
        }
        try checkCount((last - first) / step + 1)
        return stride(from: first, through: last, by: Int(step)).map { IPv4Address(rawValue: UInt32($0)) }
    }

    private func networks(_ text: Substring) throws(RuleError) -> [IPv4Prefix] {
        try checkLength(text)
        if text.contains("/") {
            guard let prefix = IPv4Prefix(text) else {
                throw fail("Syntax error: cannot parse \(text): resolving to IPv4 address failed")
            }
            return [prefix.network]
        }
        guard let range = try range(text) else {
            throw fail("Syntax error: cannot parse \(text): resolving to IPv4 address failed")
        }
        // The fewest networks that make up the range.
        var networks: [IPv4Prefix] = []
        var first = UInt64(range.lowerBound.rawValue)
        let last = UInt64(range.upperBound.rawValue)
        while first <= last {
            var length = first == 0 ? 1 : UInt8(32 - min(31, first.trailingZeroBitCount))
            while first + (UInt64(1) << UInt64(32 - length)) - 1 > last { length += 1 }
            networks.append(IPv4Prefix(IPv4Address(rawValue: UInt32(first)), length))
            first += UInt64(1) << UInt64(32 - length)
        }
        return networks
    }

    // MARK: Ports

    /// `[PROTOCOL:]PORT[-PORT]`, `icmp:NAME` or `icmp:TYPE/CODE`; TCP if no protocol is named.
    private func ports(_ text: Substring) throws(RuleError) -> [ProtocolPort] {
        var protocolNumber = IPProtocol.tcp
        var rest = text
        if let colon = text.firstIndex(of: ":") {
            let name = String(text[..<colon])
            guard let number = Number.parse(name, in: 1...255).map(UInt8.init) ?? Names.protocolNumber(name),
                number != 0
            else {
                throw fail("Syntax error: cannot parse '\(name)' as a protocol")
            }
            protocolNumber = IPProtocol(rawValue: number)
            rest = text[text.index(after: colon)...]
        }
        switch protocolNumber {
        case .icmp: return [ProtocolPort(.icmp, try icmp(rest))]
        case .tcp, .udp, .sctp, .udpLite:
            let name = Names.protocolName(protocolNumber.rawValue)
            if let single = Number.parse(rest, in: 0...65535) { return [ProtocolPort(protocolNumber, UInt16(single))] }
            let ends = rest.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            if ends.count == 2, let first = Number.parse(ends[0], in: 0...65535),
                let last = Number.parse(ends[1], in: 0...65535)
            {
                return (min(first, last)...max(first, last)).map { ProtocolPort(protocolNumber, UInt16($0)) }
            }
            return [ProtocolPort(protocolNumber, try SetParser.port(rest, name, word))]
        default:
            let name = Names.protocolName(protocolNumber.rawValue) ?? String(protocolNumber.rawValue)
            guard Number.parse(rest, in: 0...0) != nil else {
                throw fail(
                    "Syntax error: Protocol \(name) can be used with pseudo port value 0 only."
                )
            }
            return [ProtocolPort(protocolNumber, 0)]
        }
    }

    private func icmp(_ text: Substring) throws(RuleError) -> UInt16 {
        if let known = ProtocolPort.icmpNames.first(where: { $0.name.lowercased() == text.lowercased() }) {
            return known.number
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let type = Number.parse(parts[0], in: 0...255),
            let code = Number.parse(parts[1], in: 0...255)
        else { throw fail("Cannot parse \(text) as an ICMP type/code.") }
        return UInt16(type << 8 | code)
    }
}
