import Glibc

/// Names that a file of lines `NUMBER NAME` gives to numbers, as iproute2 and connlabel have them.
struct NumberedNames: Sendable {
    private var entries: [(number: UInt32, name: String)] = []
    /// Why there are none, as iptables says it; nil if the file could be read.
    let warning: String?

    /// Realms of routes.
    static let realms = NumberedNames(path: "/etc/iproute2/rt_realms")
    /// Groups of network devices.
    static let deviceGroups = NumberedNames(path: "/etc/iproute2/group")
    /// Bits of a connection's label.
    static let connectionLabels = NumberedNames(path: "/etc/xtables/connlabel.conf")

    /// A file that is missing gives no names, as with iptables.
    init(path: String) {
        guard let file = unsafe fopen(path, "r") else {
            warning = "Warning: cannot open \(path): \(unsafe String(cString: strerror(errno)))\n"
            return
        }
        warning = nil
        defer { unsafe fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { unsafe free(line) }
        while unsafe getline(&line, &capacity, file) > 0, let bytes = unsafe line {
            let words = unsafe String(cString: bytes).split(whereSeparator: \.isWhitespace)
            guard words.count >= 2, !words[0].hasPrefix("#"), let number = Number.parse(words[0], in: 0...0xFFFF_FFFF)
            else { continue }
            entries.append((UInt32(number), String(words[1])))
        }
    }

    func number(of name: String) -> UInt32? { entries.first { $0.name == name }?.number }
    func name(of number: UInt32) -> String? { entries.first { $0.number == number }?.name }
}
