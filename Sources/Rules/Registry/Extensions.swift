/// The one list of matches and targets. The parser, the documentation and `-h` all read it.
public enum Extensions {
    public static let matches: [any MatchExtension.Type] = [
        AddrtypeMatch.self, AHMatch.self, BPFMatch.self, ClusterMatch.self, CommentMatch.self, ConnbytesMatch.self,
        ConnlabelMatch.self, ConnlimitMatch.self, ConnmarkMatch.self, ConntrackMatch.self, CPUMatch.self,
        DCCPMatch.self, DevgroupMatch.self, DSCPMatch.self, ECNMatch.self, ESPMatch.self, HashlimitMatch.self,
        HelperMatch.self, ICMPMatch.self, IPCompMatch.self, IPRangeMatch.self, LengthMatch.self, LimitMatch.self,
        MACMatch.self,
        MarkMatch.self, MultiportMatch.self, OwnerMatch.self, PkttypeMatch.self, PolicyMatch.self, QuotaMatch.self,
        RateestMatch.self, RealmMatch.self, RecentMatch.self, RpfilterMatch.self, SCTPMatch.self, SetMatch.self,
        SocketMatch.self, StateMatch.self, StatisticMatch.self, StringMatch.self, TCPMatch.self, TCPMSSMatch.self,
        TimeMatch.self, TOSMatch.self, TTLMatch.self, U32Match.self, UDPMatch.self, UDPLiteMatch.self,
        UncleanMatch.self,
    ]

    public static let targets: [any TargetExtension.Type] = [
        AuditTarget.self, ChecksumTarget.self, ClassifyTarget.self, ConnmarkTarget.self, CTTarget.self,
        DNATTarget.self, DSCPTarget.self, ECNTarget.self, FlowOffloadTarget.self, HMarkTarget.self, LogTarget.self,
        MarkTarget.self, MasqueradeTarget.self, MirrorTarget.self, NetmapTarget.self, NFLogTarget.self,
        NotrackTarget.self, RateestTarget.self, RedirectTarget.self, RejectTarget.self, SetTarget.self,
        SNATTarget.self, SynproxyTarget.self, TCPMSSTarget.self, TCPOptStripTarget.self, TeeTarget.self,
        TOSTarget.self, TproxyTarget.self, TraceTarget.self, TTLTarget.self, ULogTarget.self,
    ]

    /// Targets every iptables has built in, which take no options.
    public static let verdicts = ["ACCEPT", "DROP", "RETURN", "QUEUE"]

    private static let matchesByName = Dictionary(uniqueKeysWithValues: matches.map { ($0.description.name, $0) })
    private static let targetsByName = Dictionary(uniqueKeysWithValues: targets.map { ($0.description.name, $0) })

    public static func match(_ name: String) -> (any MatchExtension.Type)? { matchesByName[name] }
    public static func target(_ name: String) -> (any TargetExtension.Type)? { targetsByName[name] }

    /// Everything iptables 1.8.9 knows and a little more, the refused included; the documentation's table is made of it.
    public static var descriptions: [ExtensionDescription] {
        matches.map { $0.description } + Refused.matches + targets.map { $0.description } + Refused.targets
    }
}
