/// Builds a `RuleIndex` for the long segments of a row of rules.
struct RuleIndexBuilder {
    private var parts: [RuleIndex.Part] = []
    private var starts: [UInt32] = []
    private var classes: [UInt16] = []
    private var lines: [RuleIndex.Line] = []
    private var blocks: [RuleIndex.Block] = [RuleIndex.Block()]

    /// Marks the rules of long segments as indexed.
    ///
    /// - Returns: nil if there is none that is long enough.
    static func build(_ source: inout CompiledRules.Source) -> RuleIndex? {
        guard markSegments(&source.rules) else { return nil }
        var builder = RuleIndexBuilder()
        for first in stride(from: 0, to: source.rules.count, by: RuleIndex.chunkRules) {
            let range = first..<min(first + RuleIndex.chunkRules, source.rules.count)
            let conditions = range.map { number in
                source.rules[number].flags.contains(.indexed) ? RuleConditions(source.rules[number], in: source) : nil
            }
            for dimension in RuleIndex.Dimension.allCases { builder.add(dimension, conditions) }
        }
        return RuleIndex(
            parts: Slab(builder.parts), starts: Slab(builder.starts), classes: Slab(builder.classes),
            lines: Slab(builder.lines), blocks: Slab(builder.blocks))
    }

    /// A segment ends with a rule that nothing passes: a chain's policy, its return, or an unconditional verdict.
    private static func markSegments(_ rules: inout [CompiledRule]) -> Bool {
        var first = 0
        var isAnyLong = false
        for number in rules.indices where rules[number].endsSegment || number == rules.count - 1 {
            if number - first + 1 >= RuleIndex.shortestSegment {
                for rule in first...number { rules[rule].flags.insert(.indexed) }
                isAnyLong = true
            }
            first = number + 1
        }
        return isAnyLong
    }

    // MARK: One dimension of one chunk

    /// Where a rule begins or ceases to hold, as the values ascend.
    private struct Edge {
        var value: UInt32
        var rule: Int
        var begins: Bool
    }

    /// - Parameter conditions: of each rule of the chunk; nil for those that are not indexed.
    private mutating func add(_ dimension: RuleIndex.Dimension, _ conditions: [RuleConditions?]) {
        var edges: [Edge] = []
        var current = [RuleIndex.Block](repeating: RuleIndex.Block(), count: RuleIndex.blocksPerChunk)
        var isAsked = false
        for (rule, condition) in conditions.enumerated() {
            guard let condition else { continue }
            guard let ranges = condition[dimension] else {
                Self.set(rule, true, in: &current)
                continue
            }
            isAsked = true
            for range in Self.merged(ranges) {
                edges.append(Edge(value: range.lowerBound, rule: rule, begins: true))
                if range.upperBound < dimension.last {
                    edges.append(Edge(value: range.upperBound + 1, rule: rule, begins: false))
                }
            }
        }
        guard isAsked else {
            parts.append(RuleIndex.Part())
            return
        }
        edges.sort { $0.value < $1.value }
        parts.append(sweep(dimension, edges, &current))
    }

    /// Walks along the values; wherever rules begin or cease to hold, a class ends and another begins.
    private mutating func sweep(
        _ dimension: RuleIndex.Dimension, _ edges: [Edge], _ current: inout [RuleIndex.Block]
    ) -> RuleIndex.Part {
        var part = RuleIndex.Part()
        part.firstLine = UInt32(lines.count)
        part.firstValue = UInt32(dimension.tableSize == nil ? starts.count : classes.count)
        // Where no rule holds that asks for the dimension: most of the values of most classes.
        let base = current
        var baseLine = RuleIndex.Line(repeating: 0)
        for block in 0..<RuleIndex.blocksPerChunk { baseLine[block] = add(base[block]) }
        var number = baseLine
        var next = 0
        var value: UInt32 = 0
        while true {
            var touched = 0
            while next < edges.count, edges[next].value == value {
                Self.set(edges[next].rule, edges[next].begins, in: &current)
                touched |= 1 << (edges[next].rule / RuleIndex.blockBits)
                next += 1
            }
            for block in 0..<RuleIndex.blocksPerChunk where touched & 1 << block != 0 {
                number[block] = current[block] == base[block] ? baseLine[block] : add(current[block])
            }
            lines.append(number)
            let end = next < edges.count ? edges[next].value : nil
            if dimension.tableSize == nil {
                starts.append(value)
            } else {
                let last = end ?? dimension.last + 1
                classes.append(contentsOf: repeatElement(UInt16(part.classCount), count: Int(last - value)))
            }
            part.classCount += 1
            guard let end else { return part }
            value = end
        }
    }

    /// - Returns: the block's number; 0 for an empty one.
    private mutating func add(_ block: RuleIndex.Block) -> UInt32 {
        if block == RuleIndex.Block() { return 0 }
        blocks.append(block)
        return UInt32(blocks.count - 1)
    }

    private static func set(_ rule: Int, _ isSet: Bool, in blocks: inout [RuleIndex.Block]) {
        let bit: UInt64 = 1 << UInt64(rule % 64)
        let word = rule % RuleIndex.blockBits / 64
        if isSet {
            blocks[rule / RuleIndex.blockBits][word] |= bit
        } else {
            blocks[rule / RuleIndex.blockBits][word] &= ~bit
        }
    }

    /// The same values in ranges that do not touch, ascending.
    private static func merged(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        guard ranges.count > 1 else { return ranges }
        var result: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, UInt64(range.lowerBound) <= UInt64(last.upperBound) + 1 {
                result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result
    }
}

extension CompiledRule {
    /// Whether no packet gets past it.
    fileprivate var endsSegment: Bool {
        switch target {
        case .policyAccept, .policyDrop: true
        case .return, .accept, .drop: isUnconditional
        default: false
        }
    }

    private var isUnconditional: Bool {
        sourceMask == 0 && destinationMask == 0 && ingress == .max && egress == .max && ipProtocol == 0
            && matchCount == 0 && flags.isDisjoint(with: [.notSource, .notDestination, .fragment, .notFragment])
    }
}

extension Slab {
    /// The same values in flat memory.
    init(_ values: [Element]) where Element: Copyable {
        self.init(count: max(values.count, 1))
        for (index, value) in values.enumerated() { self[index] = value }
    }
}
