import Glibc
import Net
import TestSupport

/// How many cases, from which seed on, and where scenarios of those that differ go.
public struct TwinOptions: Sendable {
    public var cases = 1000
    /// Ends the session before all cases are through; nil for no limit.
    public var minutes: Double?
    public var seed: UInt64 = 1
    /// Folder for scenario files; nil for none.
    public var folder: String?
    /// The session ends after so many different cases.
    public var mostFailures = 10

    public init() {}

    /// `--cases N`, `--minutes M`, `--seed S`, `--folder PATH`, `--failures N`.
    public init(_ words: [String]) throws {
        var rest = words[...]
        while let word = rest.popFirst() {
            guard let value = rest.popFirst() else { throw LabError("\(word) needs a value") }
            switch word {
            case "--cases": cases = try Self.number(value)
            case "--failures": mostFailures = try Self.number(value)
            case "--seed": seed = UInt64(try Self.number(value))
            case "--minutes":
                guard let number = Double(value) else { throw LabError("not a number of minutes: \(value)") }
                minutes = number
                cases = .max
            case "--folder": folder = value
            default: throw LabError("unknown argument \(word)")
            }
        }
    }

    private static func number(_ text: String) throws -> Int {
        guard let number = Int(text), number >= 0 else { throw LabError("not a number: \(text)") }
        return number
    }
}

/// Many cases in a row, half of them with NAT.
public struct TwinSession {
    public let options: TwinOptions
    /// So many cases share a laboratory.
    private static let casesPerLab = 100

    public init(_ options: TwinOptions) { self.options = options }

    /// A case that differs, made small.
    public struct Failure: CustomStringConvertible {
        public var seed: UInt64
        public var ruleCount: Int
        public var differences: [String]
        public var scenario: String

        public var description: String {
            "seed \(seed) differs:\n" + differences.map { "  \($0)\n" }.joined() + scenario
        }
    }

    /// Runs and prints.
    ///
    /// - Returns: whether all cases were twins.
    public func run() throws -> Bool {
        let start = Clock.now
        var count = 0
        var failures = 0
        var refused = 0
        while count < options.cases, failures < options.mostFailures, !isLate(start) {
            let hasNAT = (count / Self.casesPerLab) % 2 == 0
            try KernelSide.with { kernel in
                let runner = TwinRunner(kernel)
                for _ in 0..<Self.casesPerLab {
                    guard count < options.cases, failures < options.mostFailures, !isLate(start) else { return }
                    let seed = options.seed &+ UInt64(count)
                    count += 1
                    do {
                        if let failure = try Self.check(runner, seed: seed, hasNAT: hasNAT) {
                            failures += 1
                            report(failure, hasNAT: hasNAT)
                        }
                    } catch let refusal as KernelSide.Refusal {
                        refused += 1
                        if refusal.isLater { continue }
                        print("seed \(seed): the kernel refuses rules that Martlet takes: \(refusal)")
                    }
                }
            }
        }
        let seconds = Double(Clock.now.since(start)) / 1e9
        let rate = (Double(count) / max(seconds, 0.001)).rounded()
        print("\(count) cases in \(Int(seconds)) s, \(Int(rate)) a second: \(failures) differ, \(refused) refused by the kernel")
        return failures == 0
    }

    private func isLate(_ start: Instant) -> Bool {
        options.minutes.map { Double(Clock.now.since(start)) > $0 * 60e9 } ?? false
    }

    private func report(_ failure: Failure, hasNAT: Bool) {
        print("\(hasNAT ? "with" : "without") NAT, \(failure)")
        if let folder = options.folder {
            let file = "\(folder)/twins-\(failure.seed).scenario"
            do {
                try writeFile(file, failure.scenario)
                print("written to \(file)")
            } catch {
                print("not written: \(error)")
            }
        }
        fflush(nil)
    }

    /// - Returns: nil if the case's routers are twins, also on second or third sight: a chance in what NAT chose passes.
    public static func check(_ runner: TwinRunner, seed: UInt64, hasNAT: Bool) throws -> Failure? {
        let (twinCase, verdict) = try runner.compare(seed: seed, hasNAT: hasNAT)
        guard !isTwin(verdict), try !isTwin(runner.compare(twinCase)), try !isTwin(runner.compare(twinCase)) else { return nil }
        // A difference that comes and goes would be lost on the way to a smaller case: each must show one twice.
        var latest: [String] = []
        let small = shrunk(twinCase) { candidate in
            (0..<2).allSatisfy { _ in
                guard case .different(let found) = (try? runner.compare(candidate)) ?? .twins else { return false }
                latest = found
                return true
            }
        }
        var differences: [String] = []
        switch try runner.compare(small) {
        case .twins: differences = ["only now and then:"] + latest
        case .refused(let why): differences = [why]
        case .different(let found): differences = found
        }
        let scenario = small.scenario(caption: "twins, seed \(seed)", outcome: try runner.kernelOutcome(small))
        return Failure(seed: seed, ruleCount: small.ruleCount, differences: differences, scenario: scenario)
    }

    private static func isTwin(_ verdict: TwinRunner.Verdict) -> Bool {
        if case .twins = verdict { true } else { false }
    }
}
