import Glibc

/// The scenario files of the repository, `Tests/Scenarios/*.scenario`.
public enum ScenarioFolder {
    /// Found from this source file's place.
    public static let path: String = {
        let file = #filePath
        let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
        return folder.joined(separator: "/") + "/Scenarios"
    }()

    /// All scenarios, in the order of their names, or those whose names begin with MARTLET_SCENARIO. A file that cannot be read stops
    /// the tests: none is left out.
    public static let all: [Scenario] = {
        do {
            let beginning = unsafe getenv("MARTLET_SCENARIO").map { unsafe String(cString: $0) } ?? ""
            return try filesIn(path).filter { $0.hasSuffix(".scenario") && $0.hasPrefix(beginning) }.map { file in
                try Scenario(name: String(file.dropLast(9)), text: text(of: file))
            }
        } catch { fatalError("\(error)") }
    }()

    public static func text(of file: String) throws -> String {
        String(decoding: try readFile(path + "/" + file), as: UTF8.self)
    }
}
