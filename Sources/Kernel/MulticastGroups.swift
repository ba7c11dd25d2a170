import Net

/// The IPv4 multicast groups that the kernel has joined, by link: /proc/net/igmp of the calling thread's namespace.
public struct MulticastGroups {
    /// - Returns: every membership; empty if the file cannot be read.
    public static func read() -> [(link: LinkIndex, group: IPv4Address)] {
        (try? TextFile.read("/proc/thread-self/net/igmp")).flatMap { $0 }.map(parse) ?? []
    }

    /// A line that begins with a number names a link; the lines behind it that are set in name its groups, each as the eight
    /// hexadecimal digits of a number in the processor's byte order.
    static func parse(_ text: String) -> [(link: LinkIndex, group: IPv4Address)] {
        var found: [(link: LinkIndex, group: IPv4Address)] = []
        var link = LinkIndex.none
        for line in text.split(separator: "\n").dropFirst() {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard let first = words.first else { continue }
            if line.first?.isWhitespace == false {
                link = LinkIndex(rawValue: Int32(first) ?? 0)
            } else if link != .none, first.utf8.count == 8, let number = UInt32(first, radix: 16) {
                found.append((link, IPv4Address(rawValue: number.bigEndian)))
            }
        }
        return found
    }
}
