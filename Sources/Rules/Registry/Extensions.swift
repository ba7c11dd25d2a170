/// The one list of matches and targets. The parser, the documentation and `-h` all read it.
public enum Extensions {
    public static let matches: [any MatchExtension.Type] = [
        AddrtypeMatch.self, CommentMatch.self, ConntrackMatch.self, DSCPMatch.self, ICMPMatch.self, LengthMatch.self,
        LimitMatch.self, MACMatch.self, MarkMatch.self, MultiportMatch.self, StateMatch.self, TCPMatch.self,
        TOSMatch.self, TTLMatch.self, UDPMatch.self,
    ]

    public static let targets: [any TargetExtension.Type] = [
        ConnmarkTarget.self, CTTarget.self, DNATTarget.self, LogTarget.self, MarkTarget.self, MasqueradeTarget.self,
        NetmapTarget.self, NotrackTarget.self, RedirectTarget.self, RejectTarget.self, SNATTarget.self,
    ]

    /// Targets every iptables has built in, which take no options.
    public static let verdicts = ["ACCEPT", "DROP", "RETURN", "QUEUE"]

    private static let matchesByName = Dictionary(uniqueKeysWithValues: matches.map { ($0.description.name, $0) })
    private static let targetsByName = Dictionary(uniqueKeysWithValues: targets.map { ($0.description.name, $0) })

    public static func match(_ name: String) -> (any MatchExtension.Type)? { matchesByName[name] }
    public static func target(_ name: String) -> (any TargetExtension.Type)? { targetsByName[name] }

    public static var descriptions: [ExtensionDescription] {
        matches.map { $0.description } + targets.map { $0.description }
    }
}
