import Glibc

/// Where the program under test is, and whether tests may expect it.
public enum MartletBinary {
    /// MARTLET_BINARY, or the program beside the test bundle in the build folder.
    public static let path: String = environment("MARTLET_BINARY") ?? besideTests

    /// How to get one, for messages.
    public static let advice = "build it with `make build` and run the tests with `make test`, or set MARTLET_BINARY"

    /// True where tests of Martlet must run and fail if they cannot: under CI, where a binary is named, and where the build
    /// folder has one that knows `run`. Otherwise they are skipped with `advice` as the reason.
    public static let isExpected: Bool =
        environment("CI") == "true" || environment("MARTLET_BINARY") != nil || knowsRun

    // Asked for its help, a program without `run` shows the help of the whole.
    private static let knowsRun = (try? Program.run([path, "run", "--help"]).output.contains("--config")) ?? false

    /// The path, if something executable is there.
    public static func require() throws -> String {
        guard unsafe access(path, X_OK) == 0 else { throw LabError("no Martlet at \(path): \(advice)") }
        return path
    }

    private static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// The test bundle is the running program's first argument or the program itself; both lie in the build folder.
    private static var besideTests: String {
        for argument in CommandLine.arguments {
            guard let build = argument.range(of: ".build/") else { continue }
            let rest = argument[build.upperBound...]
            guard let configuration = rest.range(of: "debug/") ?? rest.range(of: "release/") else { continue }
            return String(argument[..<configuration.upperBound]) + "martlet"
        }
        return ".build/debug/martlet"
    }
}

extension String {
    /// The first place where `text` stands.
    func range(of text: String) -> Range<Index>? { self[...].range(of: text) }
}

extension Substring {
    /// The first place where `text` stands.
    func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            formIndex(after: &start)
        }
        return nil
    }
}
