import Foundation
import Testing

/// What the release build's burst loop may reach: no allocation, no reference counting, no exclusivity check, no lazy initialisation.
///
/// The test reads the disassembly: it follows every direct call and jump from `WorkerLoop.run`. Calls through pointers it cannot follow; there
/// are none in the packet path but the C library's own.
@Suite struct BurstCodeTests {
    /// Symbols that mean that something is allocated, counted or checked.
    private static let forbidden = [
        "swift_retain", "swift_release", "swift_allocObject", "swift_deallocObject", "swift_beginAccess", "swift_once",
        "swift_slowAlloc", "swift_slowDealloc", "swift_bridgeObjectRetain", "swift_bridgeObjectRelease",
        "swift_unknownObjectRetain", "swift_unknownObjectRelease", "swift_initStackObject", "swift_getWitnessTable",
        "malloc", "calloc", "realloc", "free", "posix_memalign", "aligned_alloc",
    ]

    private static var binary: String? {
        let named = ProcessInfo.processInfo.environment["MARTLET_BINARY"]
        return named.flatMap { FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil }
    }

    @Test("The burst loop of the release build allocates nothing and counts no references")
    func burstLoopIsBare() throws {
        guard let binary = Self.binary, binary.contains("release") else {
            let isRequired = ProcessInfo.processInfo.environment["CI"] != nil
            if isRequired { Issue.record("MARTLET_BINARY names no release build; `make test` builds one") }
            return
        }
        let calls = try Self.calls(in: binary)
        let root = try #require(calls.keys.first { $0.contains("6Router10WorkerLoopV3run") })
        var caller = [root: ""]
        var waiting = [root]
        while let function = waiting.popLast() {
            for callee in calls[function] ?? [] where caller[callee] == nil {
                caller[callee] = function
                waiting.append(callee)
            }
        }
        // The loop reaches the pipeline: otherwise the test would prove nothing.
        #expect(caller.keys.contains { $0.contains("9Dataplane6WorkerV") && $0.contains("walk") })
        for symbol in Self.forbidden {
            for reached in caller.keys where reached == symbol || reached.hasPrefix(symbol + "@") {
                var chain = reached
                var function = caller[reached] ?? ""
                while !function.isEmpty {
                    chain += "\n  called by \(function)"
                    function = caller[function] ?? ""
                }
                Issue.record("the burst loop reaches \(chain)")
            }
        }
    }

    /// For each function, the functions it calls or jumps to.
    private static func calls(in binary: String) throws -> [String: Set<String>] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/objdump")
        process.arguments = ["-d", "--no-show-raw-insn", binary]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        var calls: [String: Set<String>] = [:]
        var function = ""
        for line in text.split(separator: UInt8(ascii: "\n")) {
            guard let open = line.lastIndex(of: UInt8(ascii: "<")), let last = line.last else { continue }
            let inside = line[(open + 1)...]
            if last == UInt8(ascii: ":") {
                // 0000000000001234 <name>:
                function = String(decoding: inside.dropLast(2), as: UTF8.self)
            } else if last == UInt8(ascii: ">") {
                // call 1234 <name>, jne 1234 <name+0x12>
                let end = inside.firstIndex(of: UInt8(ascii: "+")) ?? inside.index(before: inside.endIndex)
                let name = String(decoding: inside[..<end], as: UTF8.self)
                if name != function { calls[function, default: []].insert(name) }
            }
        }
        return calls
    }
}
