/// A flow that a helper has announced, as /proc/net/nf_conntrack_expect prints it:
///
///     297 l3proto = 2 proto=6 src=198.51.100.2 dst=10.0.0.2 sport=0 dport=5001 ftp
public struct ExpectationLine: Sendable, Hashable, CustomStringConvertible {
    /// Seconds until it is given up.
    public var timeout: Int
    /// `proto`, `src`, `dst`, `sport`, `dport`, in that order, then flags and the helper's name.
    public var words: [String]

    /// - Throws: `LabError` if the line is not one of an expectation.
    public init(_ line: some StringProtocol) throws {
        let words = String(line).split(separator: " ").map { String($0) }
        guard words.count > 8, let timeout = Int(words[0]), words[1...3] == ["l3proto", "=", "2"] else {
            throw LabError("not an expectation: \(line)")
        }
        self.timeout = timeout
        self.words = Array(words[4...])
    }

    /// Without the timeout.
    public var description: String { words.joined(separator: " ") }

    /// The text with numbers that NAT chose replaced by the names they were bound to.
    func text(renaming bindings: PacketPattern.Bindings) -> String {
        words.map { word in
            for (name, value) in bindings.sorted(by: { $0.key < $1.key }) where word == "dport=\(value)" { return "dport=\(name)" }
            return word
        }.joined(separator: " ")
    }
}
