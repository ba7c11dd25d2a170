import TestSupport
import Testing
import Twins

/// Scripts of iptables commands as operators have them, `Tests/Scripts/*.sh`: iptables-legacy beside Martlet.
@Suite("Scripts")
struct ScriptTests {
    static let folder: String = {
        let file = #filePath
        return file.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/") + "/Scripts"
    }()

    @Test("every command of a script is answered as iptables does, and leaves the same rules", arguments: (try? filesIn(folder)) ?? [])
    func script(name: String) throws {
        let script = try CommandScript(name: name, text: String(decoding: try readFile(Self.folder + "/" + name), as: UTF8.self))
        for difference in try script.differences() { Issue.record("\(difference)") }
    }

    @Test("there are scripts") func scripts() throws { #expect(try filesIn(Self.folder).count > 3) }
}
