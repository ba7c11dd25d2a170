import Net

/// A policy rule as the packet path evaluates it (fib_rule_match in net/core/fib_rules.c and fib4_rule_match in
/// net/ipv4/fib_rules.c). Rules lie in one immutable block in the order of their priorities; the block ends with a rule
/// whose action is `end`.
struct CompiledPolicyRule {
    /// All zeroes is the end of the block.
    enum Action {
        static let end: UInt8 = 0
        static let lookup: UInt8 = 1
        static let goto: UInt8 = 2
        static let nop: UInt8 = 3
        static let blackhole: UInt8 = 4
        static let unreachable: UInt8 = 5
        static let prohibit: UInt8 = 6
    }
    /// Interfaces in rules: a port, the host (`lo`), or one of these.
    static let anyInterface: UInt8 = 254
    static let foreignInterface: UInt8 = 253

    var source: UInt32 = 0
    var sourceMask: UInt32 = 0
    var destination: UInt32 = 0
    var destinationMask: UInt32 = 0
    var mark: UInt32 = 0
    var markMask: UInt32 = 0
    /// Our number of the table, or for `goto` the place of the target in the block.
    var target: UInt32 = 0
    /// FRA_FLOW.
    var realm: UInt32 = 0
    var sourcePortFirst: UInt16 = 0
    var sourcePortLast: UInt16 = .max
    var destinationPortFirst: UInt16 = 0
    var destinationPortLast: UInt16 = .max
    var ingress: UInt8 = Self.anyInterface
    var egress: UInt8 = Self.anyInterface
    var tos: UInt8 = 0
    var ipProtocol: UInt8 = 0
    var isInverted = false
    var action: UInt8 = Self.Action.end
    /// A prefix of this length or shorter does not count; -1 for no such limit.
    var suppressPrefixLength: Int8 = -1

    /// - Parameter tos: already masked as routing does.
    @inline(__always)
    func matches(_ query: RouteQuery, tos: UInt8) -> Bool {
        matchesPlainly(query, tos: tos) != isInverted
    }

    @inline(__always)
    private func matchesPlainly(_ query: RouteQuery, tos packetTos: UInt8) -> Bool {
        (ingress == Self.anyInterface || ingress == query.ingress.rawValue)
            && (egress == Self.anyInterface || egress == query.egress.rawValue)
            && (mark ^ query.mark) & markMask == 0
            && (source ^ query.source.rawValue) & sourceMask == 0
            && (destination ^ query.destination.rawValue) & destinationMask == 0
            && (tos == 0 || tos == packetTos)
            && (ipProtocol == 0 || ipProtocol == query.ipProtocol.rawValue)
            && query.sourcePort >= sourcePortFirst && query.sourcePort <= sourcePortLast
            && query.destinationPort >= destinationPortFirst && query.destinationPort <= destinationPortLast
    }

    /// Compiles rules that are sorted by priority.
    /// - Parameters:
    ///   - tableSlot: our number of a kernel table.
    ///   - interface: the port of a name, `.host` for `lo`, nil for what is neither.
    /// - Returns: the rules with an end, padded to a power of two.
    static func compile(
        _ rules: [PolicyRule], tableSlot: (UInt32) -> UInt32, interface: (String) -> PortIndex?
    ) -> Slab<CompiledPolicyRule> {
        var size = 1
        while size <= rules.count { size *= 2 }
        let block = Slab<CompiledPolicyRule>(count: size)
        func number(_ name: String?) -> UInt8 {
            guard let name else { return anyInterface }
            return interface(name)?.rawValue ?? foreignInterface
        }
        for (place, rule) in rules.enumerated() {
            var compiled = CompiledPolicyRule()
            compiled.source = rule.source.network.address.rawValue
            compiled.sourceMask = rule.source.mask.rawValue
            compiled.destination = rule.destination.network.address.rawValue
            compiled.destinationMask = rule.destination.mask.rawValue
            compiled.mark = rule.mark
            compiled.markMask = rule.markMask
            compiled.ingress = number(rule.ingress)
            compiled.egress = number(rule.egress)
            compiled.tos = rule.tos
            compiled.ipProtocol = rule.ipProtocol
            if let ports = rule.sourcePorts {
                (compiled.sourcePortFirst, compiled.sourcePortLast) = (ports.lowerBound, ports.upperBound)
            }
            if let ports = rule.destinationPorts {
                (compiled.destinationPortFirst, compiled.destinationPortLast) = (ports.lowerBound, ports.upperBound)
            }
            compiled.isInverted = rule.isInverted
            compiled.realm = rule.realm
            compiled.suppressPrefixLength = Int8(clamping: rule.suppressPrefixLength ?? -1)
            switch rule.action {
            case .lookup(let table):
                compiled.action = Action.lookup
                compiled.target = tableSlot(table)
            case .goto(let priority):
                // A target that does not exist is passed over; the kernel refuses targets that do not lie ahead.
                if priority > rule.priority, let target = rules.firstIndex(where: { $0.priority == priority }) {
                    compiled.action = Action.goto
                    compiled.target = UInt32(target)
                } else {
                    compiled.action = Action.nop
                }
            case .nop: compiled.action = Action.nop
            case .blackhole: compiled.action = Action.blackhole
            case .unreachable: compiled.action = Action.unreachable
            case .prohibit: compiled.action = Action.prohibit
            }
            block[place] = compiled
        }
        return block
    }
}
