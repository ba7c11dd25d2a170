import Dataplane
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func setTests(_ match: Match, _ refuse: (String) -> Refusal) throws(Refusal) -> [SetTest]? {
        guard case .set(let set) = match else { return nil }
        let (sources, dimensions) = Self.directions(set.set)
        var test = SetTest(slot: try slot(set.set, refuse), sources: sources, dimensions: dimensions)
        if set.isNegated { test.flags.insert(.isNegated) }
        if set.matchesNomatch { test.flags.insert(.returnsNomatch) }
        if !set.updatesCounters { test.flags.insert(.keepsCounters) }
        if !set.updatesSubcounters { test.flags.insert(.keepsSubcounters) }
        (test.packets, test.packetsValue) = Self.condition(set.packets)
        (test.bytes, test.bytesValue) = Self.condition(set.bytes)
        return [test]
    }

    /// nil if it is not SET.
    mutating func setTarget(_ target: Target, _ refuse: (String) -> Refusal) throws(Refusal) -> SetAction? {
        guard case .set(let set) = target else { return nil }
        var action = SetAction()
        if let reference = set.add {
            action.added = try slot(reference, refuse)
            (action.addedSources, action.addedDimensions) = Self.directions(reference)
        }
        if let reference = set.delete {
            action.removed = try slot(reference, refuse)
            (action.removedSources, action.removedDimensions) = Self.directions(reference)
        }
        if let reference = set.map {
            action.mapped = try slot(reference, refuse)
            (action.mappedSources, action.mappedDimensions) = Self.directions(reference)
        }
        if set.replacesExisting { action.flags.insert(.replaces) }
        if set.mapsMark { action.flags.insert(.mapsMark) }
        if set.mapsPriority { action.flags.insert(.mapsPriority) }
        if set.mapsQueue { action.flags.insert(.mapsQueue) }
        if let timeout = set.timeout {
            action.timeout = timeout
            action.hasTimeout = true
        }
        return action
    }

    private func slot(_ reference: SetReference, _ refuse: (String) -> Refusal) throws(Refusal) -> UInt16 {
        // Without a router around there are no sets to look for.
        guard let slots = surroundings.setSlots else { return SetDirectory.none }
        if let slot = slots[reference.name] { return slot }
        var refusal = refuse("Set \(reference.name) doesn't exist.")
        refusal.exitCode = 2
        throw refusal
    }

    private static func directions(_ reference: SetReference) -> (sources: UInt8, dimensions: UInt8) {
        var sources: UInt8 = 0
        for (dimension, isSource) in reference.directions.isSource.prefix(6).enumerated() where isSource {
            sources |= 1 << UInt8(dimension)
        }
        return (sources, UInt8(min(reference.directions.isSource.count, 6)))
    }

    private static func condition(_ condition: SetMatch.CounterCondition?) -> (SetCondition, UInt64) {
        switch condition {
        case nil: (.none, 0)
        case .equal(let value): (.equal, value)
        case .notEqual(let value): (.notEqual, value)
        case .less(let value): (.less, value)
        case .greater(let value): (.greater, value)
        }
    }
}

extension Ruleset {
    /// Names of the sets that rules refer to, one for each reference.
    var setReferences: [String] { tables.flatMap { $0.chains.flatMap { $0.rules.flatMap(\.setNames) } } }
}

extension Rule {
    /// Sets the rule looks into or changes.
    fileprivate var setNames: [String] {
        var names = matches.compactMap { match in
            if case .set(let value) = match { value.set.name } else { nil }
        }
        if case .set(let target) = target { names += [target.add, target.delete, target.map].compactMap { $0?.name } }
        return names
    }
}
