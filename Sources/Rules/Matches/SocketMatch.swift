/// `-m socket`: whether a local socket is open for the packet (kernel: xt_socket.c, revision 3).
///
/// The host's sockets are behind the host path, where nobody can look them up in time for a packet: so here no packet has one that is known, the
/// match is never true, and `--restore-skmark` restores nothing.
public struct SocketMatch: MatchExtension {
    /// Listening sockets bound to any address count too.
    public var countsWildcards: Bool
    /// Only sockets that are transparent.
    public var isTransparent: Bool
    /// Give the packet the socket's mark.
    public var restoresMark: Bool

    public init(countsWildcards: Bool = false, isTransparent: Bool = false, restoresMark: Bool = false) {
        self.countsWildcards = countsWildcards
        self.isTransparent = isTransparent
        self.restoresMark = restoresMark
    }

    public static let description = ExtensionDescription(
        .match, "socket", summary: "whether a local socket is open for the packet: never known here",
        options: [
            OptionDescription("transparent", arguments: 0), OptionDescription("nowildcard", arguments: 0),
            OptionDescription("restore-skmark", arguments: 0),
        ], hooks: [.prerouting, .input], scope: .flow, status: .acts)

    public var match: Match { .socket(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        countsWildcards = options.contains("nowildcard")
        isTransparent = options.contains("transparent")
        restoresMark = options.contains("restore-skmark")
    }

    public func print(to printer: inout RulePrinter) {
        if isTransparent { printer.option("transparent") }
        if countsWildcards { printer.option("nowildcard") }
        if restoresMark { printer.option("restore-skmark") }
    }
}
