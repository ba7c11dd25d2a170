/// `-m limit`: true for so many packets in a time, by a token bucket (kernel: xt_limit.c).
public struct LimitMatch: MatchExtension {
    /// Units of time between two tokens, of which a second has `Rate.scale`.
    public var interval: UInt32
    /// Tokens the bucket holds.
    public var burst: UInt32

    public init(interval: UInt32 = Rate.scale * 3600 / 3, burst: UInt32 = 5) {
        self.interval = interval
        self.burst = burst
    }

    public static let description = ExtensionDescription(
        .match, "limit", summary: "so many packets in a time",
        options: [OptionDescription("limit"), OptionDescription("limit-burst")], scope: .packet,
        status: .acts)

    public var match: Match { .limit(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        self.init()
        if let given = options["limit"] {
            guard let value = Rate.interval(given.argument.text) else {
                let number = Number.prefix(of: given.argument.text[...])
                let isTooFast = number.map { $0.value > 0 && ["", "/s", "/se", "/sec", "/seco", "/secon", "/second"].contains($0.rest.lowercased()) } ?? false
                throw RuleError(
                    isTooFast ? "Rate too fast \"\(given.argument.text)\"" : "bad rate \"\(given.argument.text)\"'", hint: "write it as 5/minute", at: given.argument)
            }
            interval = value
        }
        if let given = options["limit-burst"] { burst = try options.number(given, UInt32(0)...10000) }
    }

    /// The kernel counts credits in 32 bits and refuses what would overflow them (xt_limit.c, limit_mt_check).
    public func check(at place: RulePlace) throws(RuleError) {
        func credits(_ units: UInt32) -> UInt64 {
            // HZ times credits a jiffy, which is the same for HZ of 250 and 1000.
            let scale: UInt32 = 32000
            return units > .max / scale
                ? UInt64(units / Rate.scale) &* UInt64(scale) & 0xFFFF_FFFF : UInt64(units &* scale / Rate.scale)
        }
        // Wrapping is meant: it is the overflow that is looked for.
        if burst == 0 || credits(interval &* burst) < credits(interval) {
            throw RuleError(
                "limit: rate and burst overflow the kernel's counter", hint: "try a higher rate or a lower burst"
            ).byKernel(.range)
        }
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("limit", Rate.description(interval: interval))
        if burst != 5 { printer.option("limit-burst", String(burst)) }
    }

    /// Rates as iptables writes them, `3/hour`, and the kernel counts them.
    public enum Rate {
        /// Units in a second (XT_LIMIT_SCALE).
        public static let scale: UInt32 = 10000

        private static let units: [(name: String, seconds: UInt32)] = [
            ("day", 86400), ("hour", 3600), ("min", 60), ("sec", 1),
        ]

        /// `N`, `N/second`, `N/m` …; nil if it is no rate or too fast to count.
        static func interval(_ text: String) -> UInt32? {
            let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            var seconds: UInt32 = 1
            if parts.count == 2 {
                let unit = parts[1].lowercased()
                let known: [(String, UInt32)] = [("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400)]
                guard !unit.isEmpty, let found = known.first(where: { $0.0.hasPrefix(unit) }) else { return nil }
                seconds = found.1
            }
            guard let rate = Number.parse(parts[0], in: 1...0x7FFF_FFFF), rate / UInt64(seconds) <= scale else {
                return nil
            }
            return UInt32(UInt64(scale) * UInt64(seconds) / rate)
        }

        /// The largest unit in which the rate is a round number.
        static func description(interval: UInt32) -> String {
            guard interval > 0 else { return "0/sec" }
            var chosen = units[0]
            for unit in units.dropFirst() {
                let whole = scale * unit.seconds
                if interval > whole || whole / interval < whole % interval { break }
                chosen = unit
            }
            return "\(scale * chosen.seconds / interval)/\(chosen.name)"
        }
    }
}
