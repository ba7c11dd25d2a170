/// `-m cluster`: the share of flows that falls to this node (kernel: xt_cluster.c).
public struct ClusterMatch: MatchExtension {
    /// 1 to 32.
    public var totalNodes: UInt32
    /// Bit 0 is node 1.
    public var localNodes: Negatable<UInt32>
    public var hashSeed: UInt32

    public init(totalNodes: UInt32, localNodes: Negatable<UInt32>, hashSeed: UInt32) {
        self.totalNodes = totalNodes
        self.localNodes = localNodes
        self.hashSeed = hashSeed
    }

    public static let description = ExtensionDescription(
        .match, "cluster", summary: "the share of flows that falls to this node",
        options: [
            OptionDescription("cluster-total-nodes"), OptionDescription("cluster-local-node", canNegate: true),
            OptionDescription("cluster-local-nodemask", canNegate: true), OptionDescription("cluster-hash-seed"),
        ], scope: .flow, status: .acts)

    public var match: Match { .cluster(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let total = try options.required("cluster-total-nodes")
        totalNodes = try options.number(total, UInt32(1)...32)
        hashSeed = try options.number(try options.required("cluster-hash-seed"), 0...UInt32.max)
        guard let given = try options.oneOf(["cluster-local-node", "cluster-local-nodemask"]) else {
            throw RuleError(
                "cluster match: `--cluster-local-node' or `--cluster-local-nodemask' is missing", at: options.word)
        }
        if given.name == "cluster-local-node" {
            let node: UInt32 = try options.number(given, UInt32(1)...32)
            guard node <= totalNodes else {
                throw RuleError(
                    "cluster match: `--cluster-local-node' must be <= `--cluster-total-nodes'", at: given.argument)
            }
            localNodes = Negatable(1 << (node - 1), isNegated: given.isNegated)
        } else {
            let mask: UInt32 = try options.number(given, 0...UInt32.max)
            guard totalNodes == 32 || mask < 1 << totalNodes else {
                throw RuleError(
                    "cluster match: `--cluster-local-nodemask' too big for `--cluster-total-nodes'", at: given.argument)
            }
            localNodes = Negatable(mask, isNegated: given.isNegated)
        }
    }

    public func print(to printer: inout RulePrinter) {
        printer.option(
            "cluster-local-nodemask", isNegated: localNodes.isNegated, Number.hexadecimal(localNodes.value, digits: 8))
        printer.option("cluster-total-nodes", String(totalNodes))
        printer.option("cluster-hash-seed", Number.hexadecimal(hashSeed, digits: 8))
    }
}
