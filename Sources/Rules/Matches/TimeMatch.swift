/// `-m time`: the time of day, the day and the date a packet arrives (kernel: xt_time.c).
public struct TimeMatch: MatchExtension {
    /// Seconds since 1970 UTC: 0 to 2^31 - 1. Read as local time if `usesLocalTime`.
    public var dates: ClosedRange<UInt32>
    /// Seconds since midnight, 0 to 86399. The first after the second means over midnight.
    public var daytime: Bounds<UInt32>
    /// Bits 1 to 31; all of them for every day.
    public var monthDays: UInt32
    /// Bits 1 (Monday) to 7 (Sunday); all of them for every day.
    public var weekDays: UInt8
    /// The kernel's time zone instead of UTC.
    public var usesLocalTime: Bool
    /// Time over midnight belongs to the day it began on.
    public var isContiguous: Bool

    public static let everyMonthDay: UInt32 = 0xFFFF_FFFE
    public static let everyWeekDay: UInt8 = 0xFE
    private static let lastDate: UInt32 = 0x7FFF_FFFF
    private static let lastDaytime: UInt32 = 86399
    private static let dayNames = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

    public init() {
        dates = 0...Self.lastDate
        daytime = Bounds(0, Self.lastDaytime)
        monthDays = Self.everyMonthDay
        weekDays = Self.everyWeekDay
        usesLocalTime = false
        isContiguous = false
    }

    public static let description = ExtensionDescription(
        .match, "time", summary: "time of day, day and date of arrival",
        options: [
            OptionDescription("datestart"), OptionDescription("datestop"), OptionDescription("timestart"),
            OptionDescription("timestop"), OptionDescription("weekdays", canNegate: true),
            OptionDescription("monthdays", canNegate: true), OptionDescription("localtz", arguments: 0),
            OptionDescription("utc", arguments: 0), OptionDescription("contiguous", arguments: 0),
            OptionDescription("kerneltz", arguments: 0),
        ], scope: .packet, status: .acts)

    public var match: Match { .time(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        self.init()
        let first = try options["datestart"].map { option throws(RuleError) in try Self.date(option.argument) } ?? 0
        let last =
            try options["datestop"].map { option throws(RuleError) in try Self.date(option.argument) } ?? Self.lastDate
        guard first <= last else {
            throw RuleError("time: --datestop lies before --datestart", at: options["datestop"]?.argument)
        }
        dates = first...last
        if let given = options["timestart"] { daytime.first = try Self.daytime(given.argument) }
        if let given = options["timestop"] { daytime.last = try Self.daytime(given.argument) }
        if let given = options["monthdays"] {
            let days = try Self.monthDays(given.argument)
            monthDays = given.isNegated ? ~days & Self.everyMonthDay : days
        }
        if let given = options["weekdays"] {
            let days = try Self.weekDays(given.argument)
            weekDays = given.isNegated ? ~days & Self.everyWeekDay : days
        }
        usesLocalTime = options.contains("localtz") || options.contains("kerneltz")
        if usesLocalTime, let given = options["utc"] {
            throw RuleError("time: --utc contradicts --kerneltz", at: given.word)
        }
        isContiguous = options.contains("contiguous")
        if isContiguous, daytime.first <= daytime.last {
            throw RuleError(
                "time: --contiguous only makes sense when stoptime is smaller than starttime",
                at: options["contiguous"]?.word)
        }
    }

    /// `YYYY[-MM[-DD[Thh[:mm[:ss]]]]]`.
    private static func date(_ word: Word) throws(RuleError) -> UInt32 {
        let error = RuleError(
            "Invalid date \"\(word.text)\" specified. Should be YYYY[-MM[-DD[Thh[:mm[:ss]]]]]", at: word)
        let halves = word.text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
        let days = halves[0].split(separator: "-", omittingEmptySubsequences: false).map { decimal($0) }
        let times =
            halves.count == 2
            ? halves[1].split(separator: ":", omittingEmptySubsequences: false).map { decimal($0) } : []
        guard days.count <= 3, times.count <= 3, times.isEmpty || days.count == 3, !days.contains(nil),
            !times.contains(nil), let year = days[0], (1970...2038).contains(year)
        else { throw error }
        let month = days.count > 1 ? days[1]! : 1
        let day = days.count > 2 ? days[2]! : 1
        let time = (times + [0, 0, 0]).prefix(3).map { $0! }
        guard (1...12).contains(month), (1...31).contains(day), time[0] < 24, time[1] < 60, time[2] < 60 else {
            throw error
        }
        let seconds = daysSince1970(year, month, day) * 86400 + time[0] * 3600 + time[1] * 60 + time[2]
        guard (0...Int(lastDate)).contains(seconds) else { throw error }
        return UInt32(seconds)
    }

    private static func decimal(_ text: Substring) -> Int? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }

    /// The Gregorian calendar, counted from March so that the leap day comes last.
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let monthFromMarch = (month + 9) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719468
    }

    private static func text(date seconds: UInt32) -> String {
        var days = Int(seconds) / 86400 + 719468
        let era = days / 146097
        days -= era * 146097
        let yearOfEra = (days - days / 1460 + days / 36524 - days / 146096) / 365
        let dayOfYear = days - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        return "\(year)-\(two(month))-\(two(day))T\(text(daytime: seconds % 86400))"
    }

    private static func two(_ number: some BinaryInteger) -> String { number < 10 ? "0\(number)" : "\(number)" }

    private static func text(daytime seconds: UInt32) -> String {
        "\(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    }

    /// `hh:mm[:ss]`.
    private static func daytime(_ word: Word) throws(RuleError) -> UInt32 {
        let parts = word.text.split(separator: ":", omittingEmptySubsequences: false).map { decimal($0) }
        guard (2...3).contains(parts.count), !parts.contains(nil), parts[0]! < 24, parts[1]! < 60,
            parts.count == 2 || parts[2]! < 60
        else {
            throw RuleError(
                "invalid time \"\(word.text)\" specified, should be hh:mm[:ss] format and within the boundaries",
                at: word)
        }
        return UInt32(parts[0]! * 3600 + parts[1]! * 60 + (parts.count == 3 ? parts[2]! : 0))
    }

    private static func monthDays(_ word: Word) throws(RuleError) -> UInt32 {
        var days: UInt32 = 0
        for part in word.text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let day = decimal(part), (1...31).contains(day) else {
                throw RuleError("\(part) is not a valid day for --monthdays", at: word)
            }
            days |= 1 << UInt32(day)
        }
        return days
    }

    /// Names, of which the first two letters count, or 1 to 7.
    private static func weekDays(_ word: Word) throws(RuleError) -> UInt8 {
        var days: UInt8 = 0
        for part in word.text.split(separator: ",", omittingEmptySubsequences: false) {
            if let number = decimal(part), (1...7).contains(number) {
                days |= 1 << UInt8(number)
            } else if part.count >= 2, let index = dayNames.firstIndex(where: { $0.hasPrefix(part.prefix(2)) }) {
                days |= 1 << UInt8(index + 1)
            } else {
                throw RuleError(
                    "\(part) is not a valid day specifier", hint: "days are Mon, Tue, … or 1 to 7", at: word)
            }
        }
        return days
    }

    public func print(to printer: inout RulePrinter) {
        if daytime != Bounds(0, Self.lastDaytime) {
            printer.option("timestart", Self.text(daytime: daytime.first))
            printer.option("timestop", Self.text(daytime: daytime.last))
        }
        if monthDays != Self.everyMonthDay {
            let days = (1...31).filter { monthDays >> UInt32($0) & 1 == 1 }.map(String.init)
            printer.option("monthdays", days.joined(separator: ","))
        }
        if weekDays != Self.everyWeekDay {
            let days = (1...7).filter { weekDays >> UInt8($0) & 1 == 1 }.map { Self.dayNames[$0 - 1] }
            printer.option("weekdays", days.joined(separator: ","))
        }
        if dates.lowerBound != 0 { printer.option("datestart", Self.text(date: dates.lowerBound)) }
        printer.option("datestop", Self.text(date: dates.upperBound))
        if usesLocalTime { printer.option("kerneltz") }
        if isContiguous { printer.option("contiguous") }
    }
}
