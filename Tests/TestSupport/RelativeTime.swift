import Glibc

/// Moments that a scenario names relative to when it was read, so that rules with `-m time` say the same on any day:
/// `{time +60}` is the time of day in a minute as `--timestart` takes it, `{date -60}` the date and time a minute ago as
/// `--datestart` does, both UTC.
public struct RelativeTime: Sendable {
    /// Seconds since 1970 UTC.
    public let now = Int(time(nil))
    /// What was written for each text.
    private var written: [(text: String, moment: String)] = []

    public init() {}

    mutating func expand(_ line: String) -> String {
        var rest = line[...]
        var result = ""
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            let inside = rest[rest.index(after: open)..<close].split(separator: " ")
            let whole = String(rest[open...close])
            result += rest[..<open]
            rest = rest[rest.index(after: close)...]
            guard inside.count == 2, let seconds = Int(inside[1]), inside[0] == "time" || inside[0] == "date" else {
                result += whole
                continue
            }
            let moment = Self.text(now + seconds, withDate: inside[0] == "date")
            if !written.contains(where: { $0.text == moment }) { written.append((moment, whole)) }
            result += moment
        }
        return result + rest
    }

    /// The line with every moment as it was written.
    func contract(_ line: String) -> String {
        // Dates first, for they hold times.
        written.sorted { $0.text.count > $1.text.count }.reduce(line) { $0.replacing($1.text, with: $1.moment) }
    }

    private static func text(_ seconds: Int, withDate: Bool) -> String {
        var parts = unsafe tm()
        var time = time_t(seconds)
        unsafe gmtime_r(&time, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let daytime = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec].map(two).joined(separator: ":")
        guard withDate else { return daytime }
        return unsafe "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T\(daytime)"
    }
}
