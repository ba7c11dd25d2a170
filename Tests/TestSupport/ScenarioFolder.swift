/// The scenario files of the repository, `Tests/Scenarios/*.scenario`.
public enum ScenarioFolder {
    /// Found from this source file's place.
    public static let path: String = {
        let file = #filePath
        let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
        return folder.joined(separator: "/") + "/Scenarios"
    }()

    /// All scenarios, in the order of their names. A file that cannot be read stops the tests: none is left out.
    public static let all: [Scenario] = {
        do {
            return try filesIn(path).filter { $0.hasSuffix(".scenario") }.map { file in
                try Scenario(name: String(file.dropLast(9)), text: text(of: file))
            }
        } catch { fatalError("\(error)") }
    }()

    public static func text(of file: String) throws -> String {
        String(decoding: try readFile(path + "/" + file), as: UTF8.self)
    }
}
