/// A tracked connection as /proc/net/nf_conntrack prints it:
///
///     ipv4 2 tcp 6 117 SYN_SENT src=… dst=… sport=… dport=… [UNREPLIED] src=… dst=… sport=… dport=… [ASSURED] mark=0 zone=0 use=2
public struct FlowLine: Sendable, Hashable, CustomStringConvertible {
    public var proto: String
    /// Seconds until it is forgotten; nil if the line has none, as for a connection that is closing.
    public var timeout: Int?
    /// `ESTABLISHED` and so on; empty for protocols without.
    public var state: String
    /// `src`, `dst`, `sport`, `dport`, `type`, `code`, `id`, `srckey`, `dstkey` of the original and of the reply direction.
    public var original: [String: String]
    public var reply: [String: String]
    public var isUnreplied: Bool
    public var isAssured: Bool
    public var mark: String
    /// `zone=5`, `zone-orig=5` or `zone-reply=5`; empty for zone 0.
    public var zone: String

    private static let fields = ["src", "dst", "sport", "dport", "type", "code", "id", "srckey", "dstkey"]

    /// - Throws: `LabError` if the line is not one of a connection.
    public init(_ line: some StringProtocol) throws {
        var words = String(line).split(separator: " ").map { String($0) }[...]
        if words.first == "ipv4" { words = words.dropFirst(2) }
        guard words.count > 4, let proto = words.popFirst(), words.popFirst() != nil else {
            throw LabError("not a connection: \(line)")
        }
        self.proto = proto
        timeout = words.first.flatMap { Int($0) }
        if timeout != nil { words.removeFirst() }
        state = words.first.map { $0.contains("=") ? "" : $0 } ?? ""
        if !state.isEmpty { words.removeFirst() }
        var tuples: [[String: String]] = [[:], [:]]
        var other: [String: String] = [:]
        var direction = -1
        isUnreplied = false
        isAssured = false
        for word in words {
            if word == "[UNREPLIED]" { isUnreplied = true }
            if word == "[ASSURED]" { isAssured = true }
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { continue }
            if parts[0] == "src" { direction += 1 }
            if Self.fields.contains(parts[0]), (0...1).contains(direction) {
                tuples[direction][parts[0]] = parts[1]
            } else {
                other[parts[0]] = parts[1]
            }
        }
        guard direction == 1 else { throw LabError("not a connection with two directions: \(line)") }
        original = tuples[0]
        reply = tuples[1]
        mark = other["mark"] ?? "0"
        zone = ["zone", "zone-orig", "zone-reply"].compactMap { name in other[name].map { "\(name)=\($0)" } }
            .filter { $0 != "zone=0" }.joined(separator: " ")
    }

    private static func text(_ tuple: [String: String]) -> String {
        fields.compactMap { name in tuple[name].map { "\(name)=\($0)" } }
        .joined(separator: " ")
    }

    /// Without the timeout, which is compared apart.
    public var description: String {
        [
            proto, state, Self.text(original), isUnreplied ? "[UNREPLIED]" : "", Self.text(reply),
            isAssured ? "[ASSURED]" : "",
            "mark=\(mark)", zone,
        ].filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// The text with numbers that NAT chose replaced by the names they were bound to. Only the reply direction has them.
    func text(renaming bindings: PacketPattern.Bindings) -> String {
        var line = self
        for (name, value) in bindings.sorted(by: { $0.key < $1.key }) {
            for field in ["sport", "dport", "id"] where line.reply[field] == String(value) { line.reply[field] = name }
        }
        return line.description
    }
}
