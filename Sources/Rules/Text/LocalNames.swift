import Net

/// Names that this host's own files give to addresses and networks, for listings without `-n`. Name servers, which iptables would ask one
/// address after the other, are left alone.
enum LocalNames {
    /// The name of a host in /etc/hosts, or of a network in /etc/networks.
    static func name(of address: IPv4Address) -> String? {
        host(address) ?? network(address)
    }

    private static func host(_ address: IPv4Address) -> String? {
        lines("/etc/hosts").first { words in words.count > 1 && IPv4Address(words[0]) == address }?[1]
    }

    /// There the name stands first, and zeros at an address's end may be left out.
    private static func network(_ address: IPv4Address) -> String? {
        lines("/etc/networks").first { words in
            guard words.count > 1 else { return false }
            let parts = words[1].split(separator: ".").map { UInt8($0) }
            guard (1...4).contains(parts.count), !parts.contains(nil) else { return false }
            var value: UInt32 = 0
            for index in 0..<4 { value = value << 8 | UInt32(index < parts.count ? parts[index]! : 0) }
            return value == address.rawValue
        }?[0]
    }

    private static func lines(_ path: String) -> [[String]] {
        TextLines.of(path).compactMap { line in
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).map(String.init)
            return words.isEmpty ? nil : words
        }
    }
}
