import Foundation
import Testing

@testable import Dataplane

/// What the release build's burst loop may reach: no allocation, no reference counting, no exclusivity check, no lazy initialisation, and
/// on x86-64 no copy of the worker, which the compiler would make to call one of its methods.
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
        let copy = Self.copying(MemoryLayout<Worker>.size)
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
        for symbol in Self.forbidden + [copy] {
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

    private static func copying(_ size: Int) -> String { "a copy of \(size) bytes" }

    /// For each function, the functions it calls or jumps to.
    ///
    /// Behind a function's end may lie others that the linker left without a name. They are one function here, named after the
    /// one in front and `behind`: what is in them is not in that one.
    private static func calls(in binary: String) throws -> [String: Set<String>] {
        let sizes = try sizes(in: binary)
        let behind = " and what lies behind it"
        var calls: [String: Set<String>] = [:]
        var function = ""
        var start: UInt64 = 0
        // The third argument of a call to come, if it is a number.
        var argument: Int?
        for line in try output(of: "/usr/bin/objdump", ["-d", "--no-show-raw-insn", binary]).split(separator: UInt8(ascii: "\n")) {
            if line.suffix(5).elementsEqual(",%edx".utf8) {
                let number = String(decoding: line, as: UTF8.self).split(separator: "$0x").dropFirst().first?.dropLast(5)
                argument = number.flatMap { Int($0, radix: 16) }
            }
            guard let open = line.lastIndex(of: UInt8(ascii: "<")), let last = line.last else { continue }
            let inside = line[(open + 1)...]
            let address = UInt64(
                String(decoding: line.drop { $0 == UInt8(ascii: " ") }.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: ":") }, as: UTF8.self),
                radix: 16)
            if last == UInt8(ascii: ":") {
                // 0000000000001234 <name>:
                function = String(decoding: inside.dropLast(2), as: UTF8.self)
                start = address ?? 0
                argument = nil
            } else if last == UInt8(ascii: ">") {
                // 5678: call 1234 <name>, jne 1234 <name+0x12>
                let plus = inside.firstIndex(of: UInt8(ascii: "+"))
                var name = String(decoding: inside[..<(plus ?? inside.index(before: inside.endIndex))], as: UTF8.self)
                if let plus, let offset = UInt64(String(decoding: inside[plus...].dropFirst(3).dropLast(), as: UTF8.self), radix: 16),
                    let size = sizes[name], offset >= size
                {
                    name += behind
                }
                var place = function
                if let address, let size = sizes[function], address >= start + size { place += behind }
                if name != place { calls[place, default: []].insert(name) }
                if name.hasPrefix("memcpy") || name.hasPrefix("memmove"), let size = argument {
                    calls[place, default: []].insert(copying(size))
                    argument = nil
                }
            }
        }
        return calls
    }

    /// Bytes of each function that has a size.
    private static func sizes(in binary: String) throws -> [String: UInt64] {
        var sizes: [String: UInt64] = [:]
        for line in try output(of: "/usr/bin/nm", ["-S", "--defined-only", binary]).split(separator: UInt8(ascii: "\n")) {
            // ADDRESS SIZE KIND NAME
            let words = String(decoding: line, as: UTF8.self).split(separator: " ", maxSplits: 3)
            if words.count == 4, let size = UInt64(words[1], radix: 16), size > 0 { sizes[String(words[3])] = size }
        }
        return sizes
    }

    private static func output(of program: String, _ arguments: [String]) throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        defer { process.waitUntilExit() }
        return output.fileHandleForReading.readDataToEndOfFile()
    }
}
