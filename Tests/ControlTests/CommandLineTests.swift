import Control
import Foundation
import Testing

/// Runs the `martlet` that was built beside the tests.
@Suite("Exit codes of the command line: 0 done, 1 refused or failed, 2 usage")
struct CommandLineTests {
    static let folder = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        .map { URL(fileURLWithPath: $0).deletingLastPathComponent() }

    /// The folder of the binary; under the test runner of the toolchain it is where the test bundle lies.
    private static func program() throws -> URL {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") }
            .map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        let found = [bundle, folder].compactMap { $0?.appendingPathComponent("martlet") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
        return try #require(found, "martlet is not built beside the tests")
    }

    private func run(_ arguments: [String], input: String = "") throws -> (code: Int32, out: String, err: String) {
        let process = Process()
        process.executableURL = try Self.program()
        process.arguments = arguments
        process.environment = ["MARTLET_SOCKET": "/nowhere/martlet.sock"]
        let pipes = (Pipe(), Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (pipes.0, pipes.1, pipes.2)
        try process.run()
        pipes.0.fileHandleForWriting.write(Data(input.utf8))
        try pipes.0.fileHandleForWriting.close()
        let out = pipes.1.fileHandleForReading.readDataToEndOfFile()
        let err = pipes.2.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: out, as: UTF8.self), String(decoding: err, as: UTF8.self))
    }

    @Test("usage", arguments: [
        ["bogus"], ["check"], ["run"], ["show", "bogus"], ["show", "ports", "--bogus"], ["flows", "delete"],
        ["flows", "list", "-p", "bogus"], ["flows", "list", "-s", "10.0.0"], ["flows", "list", "--sport", "65536"],
        ["show", "recent", "--flush"], ["show", "recent", "a", "--add", "10.0.0.1", "--flush"],
        ["show", "recent", "a", "--add", "10.0.0"],
        ["replay", "--config", "c", "--out", "d", "--in", "nofile"],
        ["replay", "--config", "c", "--out", "d", "--in", "a=b", "--in", "a=c"], ["rules", "check"],
    ])
    func usage(_ arguments: [String]) throws {
        let result = try run(arguments)
        #expect(result.code == 2 && result.out.isEmpty && !result.err.isEmpty)
    }

    @Test("help is no error", arguments: [["--help"], ["flows", "list", "--help"], ["help", "show"]])
    func help(_ arguments: [String]) throws {
        let result = try run(arguments)
        #expect(result.code == 0 && result.out.contains("USAGE") && result.err.isEmpty)
    }

    @Test("without a daemon every request fails, and says so", arguments: [
        ["show", "ports"], ["show", "stats", "--json"], ["flows", "list"], ["flows", "flush"], ["rules", "save"],
        ["rules", "list", "-v", "-n", "-x", "--line-numbers"],
    ])
    func noDaemon(_ arguments: [String]) throws {
        let result = try run(arguments)
        #expect(result.code == 1 && result.out.isEmpty)
        #expect(result.err == "martlet: /nowhere/martlet.sock: No such file or directory; is `martlet run` running?\n")
    }

    @Test("check prints FILE:LINE:COLUMN: message for each mistake and exits 1; a good file is silent")
    func check() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID()).yaml").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "ports: [{nam: a}]\nofload: off\n".write(toFile: path, atomically: true, encoding: .utf8)
        let bad = try run(["check", "--config", path])
        #expect(bad.code == 1)
        #expect(
            bad.err == """
                \(path):1:9: "name" is missing
                \(path):1:10: unknown key "nam"; did you mean "name"?
                \(path):2:1: unknown key "ofload"; did you mean "offload"?

                """)
        try "ports: [{name: a}]\n".write(toFile: path, atomically: true, encoding: .utf8)
        let good = try run(["check", "--config", path])
        #expect(good.code == 0 && good.out.isEmpty && good.err.isEmpty)
    }

    @Test("answers of a daemon are a table, or one JSON document")
    func answers() throws {
        let path = "/tmp/martlet-cli-\(UInt32.random(in: 0 ... .max)).sock"
        let server = try ControlServer(path: path, group: nil, handler: Handler())
        try server.start()
        defer { server.stop() }
        let table = try run(["show", "drops", "--all", "--socket", path])
        #expect(table.code == 0)
        #expect(table.out == "packets  reason  meaning\n      0  r0\n      0  r1\n      0  r2\n")
        let json = try run(["show", "drops", "--json", "--socket", path])
        let rows = try JSONDecoder().decode([DropRow].self, from: Data(json.out.utf8))
        #expect(rows.map(\.reason) == ["r0", "r1", "r2"])
        #expect(try run(["show", "routes", "--json", "--socket", path]).out == "[]\n")
        #expect(try run(["flows", "count", "--socket", path]).out == "1\n")
        #expect(try run(["rules", "restore", "-", "--socket", path], input: "*filter\nCOMMIT\n").code == 0)
        let refused = try run(["rules", "save", "--socket", path])
        #expect(refused.code == 1 && refused.err.hasPrefix("martlet: "))
    }
}
