import Glibc
import TestSupport
import Twins

/// What `make twins` runs: many cases, each failing one made small and written as a scenario; and many calls of iptables.
@main
enum TwinsTool {
    static func main() {
        var words = Array(CommandLine.arguments.dropFirst())
        do {
            if words.first == "commands" {
                words.removeFirst()
                exit(try commands(words) ? 0 : 1)
            }
            if words.first == "scripts" { exit(try scripts(Array(words.dropFirst())) ? 0 : 1) }
            let options = try TwinOptions(words)
            exit(try TwinSession(options).run() ? 0 : 1)
        } catch {
            print("twins: \(error)")
            exit(2)
        }
    }

    /// Scripts of iptables commands, by their files' names.
    private static func scripts(_ files: [String]) throws -> Bool {
        var count = 0
        for file in files {
            let script = try CommandScript(name: file, text: String(decoding: try readFile(file), as: UTF8.self))
            for difference in try script.differences() {
                count += 1
                print(difference)
            }
        }
        print("\(files.count) scripts: \(count) differences")
        return count == 0
    }

    /// Rows of calls of iptables: `--cases N`, `--seed S`, `--failures N`.
    private static func commands(_ words: [String]) throws -> Bool {
        let options = try TwinOptions(words)
        var failures = 0
        var calls = 0
        try CommandTwins.with { twins in
            for row in 0..<UInt64(options.cases) where failures < options.mostFailures {
                let (difference, count) = try twins.check(seed: options.seed &+ row, calls: 25)
                calls += count
                guard let difference else { continue }
                failures += 1
                print(difference)
                fflush(nil)
            }
        }
        print("\(calls) calls of iptables: \(failures) rows differ")
        return failures == 0
    }
}
