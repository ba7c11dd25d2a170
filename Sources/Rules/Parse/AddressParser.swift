import Net

/// Reads addresses as iptables does: dotted numbers (missing octets are 0), masks and prefix lengths, host names.
enum AddressParser {
    /// A comma-separated list, in order, as `-s` and `-d` take it.
    static func list(_ word: Word) throws(RuleError) -> [AddressMask] {
        // Rulesets are long, and most of their words are single addresses in plain notation.
        if let plain = plain(word.text) { return [plain] }
        var result: [AddressMask] = []
        var failure: RuleError?
        for part in word.text.split(separator: ",", omittingEmptySubsequences: false) {
            let trimmed = part.drop { $0 == " " || $0 == "\t" }
            do throws(RuleError) {
                result += try addresses(Word(String(trimmed), at: word.location), within: word)
            } catch {
                // The rest is read all the same, so that every name that has to be looked up is known at once.
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
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

    /// `10.0.0.0/8` or `10.0.0.1`, four decimal numbers and no more; nil for whatever needs a closer look.
    private static func plain(_ text: String) -> AddressMask? {
        var value: UInt32 = 0
        var number: UInt32 = 0
        var digits = 0
        var dots = 0
        var isLength = false
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                // A leading 0 means octal.
                if digits > 0, number == 0 { return nil }
                number = number * 10 + UInt32(byte - UInt8(ascii: "0"))
                digits += 1
                if number > 255 { return nil }
            case UInt8(ascii: "."):
                guard digits > 0, dots < 3, !isLength else { return nil }
                value = value << 8 | number
                (number, digits, dots) = (0, 0, dots + 1)
            case UInt8(ascii: "/"):
                guard digits > 0, dots == 3, !isLength else { return nil }
                value = value << 8 | number
                (number, digits, isLength) = (0, 0, true)
            default: return nil
            }
        }
        guard digits > 0, dots == 3 else { return nil }
        if !isLength { return AddressMask(address: IPv4Address(rawValue: value << 8 | number), mask: .broadcast) }
        guard number <= 32 else { return nil }
        if number == 0 { return AddressMask(address: .any, mask: .any) }
        return AddressMask(
            address: IPv4Address(rawValue: value), mask: IPv4Address(rawValue: IPv4Prefix.mask(length: UInt8(number))))
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
