import Net

/// What the index may rely on of a rule: for each dimension the values that the rule needs, as ranges. A packet with another value
/// passes the rule by without any effect.
///
/// The tests of the IP header and of the interfaces come before all matches. Of the matches only those at the front count that neither remember
/// nor drop: a `limit` that stands in front of `tcp` takes its token also from packets for other ports.
struct RuleConditions {
    /// nil where the rule takes every value; no range where it takes none.
    private var ranges: [[ClosedRange<UInt32>]?] = Array(repeating: nil, count: RuleIndex.Dimension.allCases.count)

    subscript(_ dimension: RuleIndex.Dimension) -> [ClosedRange<UInt32>]? { ranges[dimension.rawValue] }

    init(_ rule: CompiledRule, in source: CompiledRules.Source) {
        ranges[RuleIndex.Dimension.source.rawValue] = Self.addresses(
            rule.source, rule.sourceMask, isNegated: rule.flags.contains(.notSource))
        ranges[RuleIndex.Dimension.destination.rawValue] = Self.addresses(
            rule.destination, rule.destinationMask, isNegated: rule.flags.contains(.notDestination))
        ranges[RuleIndex.Dimension.ingress.rawValue] = Self.bits(rule.ingress)
        ranges[RuleIndex.Dimension.egress.rawValue] = Self.bits(rule.egress)
        if rule.ipProtocol != 0 {
            let value = UInt32(rule.ipProtocol)
            ranges[RuleIndex.Dimension.ipProtocol.rawValue] = Self.range(
                value...value, isNegated: rule.flags.contains(.notProtocol), last: 255)
        }
        for number in 0..<rule.matchCount {
            guard add(source.matches[Int(rule.firstMatch + number)], source.portRanges) else { break }
        }
    }

    /// - Returns: whether matches behind this one may count as well.
    private mutating func add(_ match: CompiledMatch, _ portRanges: [PortTest]) -> Bool {
        switch match {
        case .header(.tcp(let source, let destination, _, _, _)), .header(.udp(let source, let destination)):
            require(.sourcePort, Self.ports(source))
            require(.destinationPort, Self.ports(destination))
            return true
        case .header(.multiport(let side, let first, let count, let isNegated)):
            guard !isNegated, side != .either else { return true }
            let list = portRanges[Int(first)..<Int(first + count)].map { UInt32($0.first)...UInt32($0.last) }
            require(side == .source ? .sourcePort : .destinationPort, list)
            return true
        case .flow(.states): return true
        default: return false
        }
    }

    /// The first of several demands on a dimension serves; to find too much is no error.
    private mutating func require(_ dimension: RuleIndex.Dimension, _ list: [ClosedRange<UInt32>]?) {
        if ranges[dimension.rawValue] == nil { ranges[dimension.rawValue] = list }
    }

    // MARK: Ranges

    private static func range(
        _ range: ClosedRange<UInt32>, isNegated: Bool, last: UInt32
    ) -> [ClosedRange<UInt32>] {
        guard isNegated else { return [range] }
        var list: [ClosedRange<UInt32>] = []
        if range.lowerBound > 0 { list.append(0...range.lowerBound - 1) }
        if range.upperBound < last { list.append(range.upperBound + 1...last) }
        return list
    }

    /// nil also for masks with holes, which are no range.
    private static func addresses(_ address: UInt32, _ mask: UInt32, isNegated: Bool) -> [ClosedRange<UInt32>]? {
        let hosts = ~mask
        guard hosts & (hosts &+ 1) == 0, mask != 0 || isNegated else { return nil }
        // An address with bits outside its mask is none that a packet could have.
        guard address & hosts == 0 else { return isNegated ? nil : [] }
        return range(address...(address | hosts), isNegated: isNegated, last: .max)
    }

    private static func ports(_ test: PortTest) -> [ClosedRange<UInt32>]? {
        guard test.first <= test.last else { return test.isNegated ? nil : [] }
        if test.first == 0, test.last == .max, !test.isNegated { return nil }
        return range(UInt32(test.first)...UInt32(test.last), isNegated: test.isNegated, last: 0xFFFF)
    }

    private static func bits(_ set: UInt64) -> [ClosedRange<UInt32>]? {
        guard set != .max else { return nil }
        return (0..<UInt32(64)).filter { set & (1 << UInt64($0)) != 0 }.map { $0...$0 }
    }
}
