import Net

/// Reads addresses as iptables does: dotted numbers (missing octets are 0), masks and prefix lengths, host names.
enum AddressParser {
    /// A comma-separated list, in order, as `-s` and `-d` take it.
    static func list(_ word: Word) throws(RuleError) -> [AddressMask] {
        var result: [AddressMask] = []
        for part in word.text.split(separator: ",", omittingEmptySubsequences: false) {
            let trimmed = part.drop { $0 == " " || $0 == "\t" }
            result += try addresses(Word(String(trimmed), at: word.location), within: word)
        }
        return result
    }

    /// One address, network or host name; a host name may stand for several addresses.
    static func addresses(_ word: Word, within whole: Word? = nil) throws(RuleError) -> [AddressMask] {
        let place = whole ?? word
        let parts = word.text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let maskValue: IPv4Address
        if parts.count == 2 {
            guard let given = mask(parts[1]) else {
                throw RuleError("invalid mask `\(parts[1])' specified", at: place)
            }
            maskValue = given
        } else {
            maskValue = .broadcast
        }
        let name = String(parts[0])
        if name.isEmpty { throw RuleError("host/network `\(name)' not found", at: place) }
        // iptables does not look at the address where no bit of it counts.
        if maskValue.isUnspecified { return [AddressMask(address: .any, mask: .any)] }
        if let address = dotted(name) { return [AddressMask(address: address, mask: maskValue)] }
        switch Names.addresses(ofHost: name) {
        case .success(let addresses) where !addresses.isEmpty:
            var result: [AddressMask] = []
            for address in addresses.map({ AddressMask(address: $0, mask: maskValue) }) where !result.contains(address)
            {
                result.append(address)
            }
            return result
        case .success:
            throw RuleError("host/network `\(name)' not found", at: place)
        case .failure(let failure):
            throw RuleError("host/network `\(name)' not found", hint: "the resolver says: \(failure.reason)", at: place)
        }
    }

    /// One to four numbers of at most 255 with dots between them. Octets that are left out are 0.
    static func dotted(_ text: some StringProtocol) -> IPv4Address? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...4).contains(parts.count) else { return nil }
        var value: UInt32 = 0
        for index in 0..<4 {
            var octet: UInt64 = 0
            if index < parts.count {
                guard let number = Number.parse(parts[index], in: 0...255) else { return nil }
                octet = number
            }
            value = value << 8 | UInt32(octet)
        }
        return IPv4Address(rawValue: value)
    }

    /// A mask in dotted notation or a prefix length.
    static func mask(_ text: some StringProtocol) -> IPv4Address? {
        if text.contains("."), text.split(separator: ".", omittingEmptySubsequences: false).count == 4 {
            return dotted(text)
        }
        guard let length = Number.parse(text, in: 0...32) else { return nil }
        return IPv4Address(rawValue: IPv4Prefix.mask(length: UInt8(length)))
    }
}
