import Dataplane
import Glibc
import Net
import Rules

extension RuleCompiler {
    mutating func test(_ match: HashlimitMatch, _ refuse: (String) -> Refusal) throws(Refusal) -> HashlimitTest {
        let settings = HashlimitSettings(match)
        // Of an existing table the settings stand, whatever another rule says that names it (htable_find_get). Only to limit and to
        // compare a rate do not go together: the kernel refuses such a rule, here a table of an earlier ruleset gives way.
        func fits(_ store: HashlimitStore) -> Bool {
            store.table.settings.mode.contains(.rateMatch) == settings.mode.contains(.rateMatch)
        }
        let store = states.shared(match.name, fits: fits) {
            HashlimitStore(settings, key: UInt64.random(in: 0...UInt64.max))
        }
        guard fits(store) else {
            throw refuse(
                "hashlimit table \"\(match.name)\" is used with and without --hashlimit-rate-match; give one of them another name")
        }
        return HashlimitTest(
            store.table, settings.mode.intersection([.bytes, .rateMatch]), isAbove: match.isAbove)
    }
}

extension HashlimitSettings {
    /// HASHLIMIT_MAX_SIZE: more buckets or entries than that may not be asked for.
    private static let most: UInt32 = 1 << 20

    /// As hashlimit_mt_check_common and htable_create complete what a rule says.
    init(_ match: HashlimitMatch) {
        let buckets = match.tableSize == 0 ? Self.defaultBuckets : min(match.tableSize, Self.most)
        let maximum = match.tableMax == 0 ? 8 * buckets : max(min(match.tableMax, Self.most), buckets)
        var mode = Mode(rawValue: match.mode.rawValue)
        let (average, burst): (UInt64, UInt64)
        switch match.rate {
        case .packets(let interval, let packets): (average, burst) = (interval, packets)
        case .bytes(let cost, let fillings):
            (average, burst) = (cost, fillings)
            mode.insert(.bytes)
        }
        if match.rateInterval != nil { mode.insert(.rateMatch) }
        self.init(
            mode: mode, sourceMask: IPv4Prefix.mask(length: match.sourcePrefixLength),
            destinationMask: IPv4Prefix.mask(length: match.destinationPrefixLength), average: average, burst: burst,
            buckets: buckets, maximum: maximum, collectionInterval: match.collectionInterval, expiry: match.expiry,
            rateInterval: match.rateInterval ?? 0)
    }

    /// As the kernel sizes a table for which no rule gives a size: by memory.
    private static var defaultBuckets: UInt32 {
        let bytes = Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE)))
        // A bucket is a pointer of eight bytes.
        return bytes > 1 << 30 ? 8192 : UInt32(max(bytes / 16384 / 8, 16))
    }
}
