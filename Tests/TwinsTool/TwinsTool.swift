import Glibc
import TestSupport
import Twins

/// What `make twins` runs: many cases, each failing one made small and written as a scenario.
@main
enum TwinsTool {
    static func main() {
        do {
            let options = try TwinOptions(Array(CommandLine.arguments.dropFirst()))
            exit(try TwinSession(options).run() ? 0 : 1)
        } catch {
            print("twins: \(error)")
            exit(2)
        }
    }
}
