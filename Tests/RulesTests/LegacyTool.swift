import Foundation
import Glibc

/// iptables-legacy and ipset of this machine, in a network namespace of their own.
///
/// Where one of them or the privilege is missing the tests that need them are left out, but not where the environment
/// says CI: there it is an error.
struct LegacyTool {
    struct Result {
        var exitCode: Int32
        var output: String
        var errors: String
    }

    static let isAvailable: Bool =
        geteuid() == 0
        && ["ip", "iptables-legacy", "iptables-legacy-save", "iptables-legacy-restore", "ipset"].allSatisfy { name in
            ["/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"].contains { FileManager.default.isExecutableFile(atPath: $0 + name) }
        }

    static let isRequired = ProcessInfo.processInfo.environment["CI"] != nil

    /// Whether tests that compare with the real tools are to run.
    static let isWanted = isAvailable || isRequired

    let namespace: String

    /// Runs the body with a fresh namespace and removes it afterwards.
    static func with<T>(_ body: (LegacyTool) throws -> T) throws -> T {
        guard isAvailable else { throw Missing() }
        let tool = LegacyTool(namespace: "martlet-rules-\(getpid())-\(UInt32.random(in: 0...UInt32.max))")
        _ = try run(["ip", "netns", "add", tool.namespace])
        defer { _ = try? run(["ip", "netns", "del", tool.namespace]) }
        return try body(tool)
    }

    struct Missing: Error, CustomStringConvertible {
        var description: String { "iptables-legacy, ipset, ip or root is missing: apt-get install iptables ipset iproute2" }
    }

    func callAsFunction(_ arguments: [String], input: String = "") throws -> Result {
        try Self.run(["ip", "netns", "exec", namespace] + arguments, input: input)
    }

    private static func run(_ arguments: [String], input: String = "") throws -> Result {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        let standardInput = Pipe()
        let output = Pipe()
        let errors = Pipe()
        process.standardInput = standardInput
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        standardInput.fileHandleForWriting.write(Data(input.utf8))
        try standardInput.fileHandleForWriting.close()
        let outputData = output.fileHandleForReading.readDataToEndOfFile()
        let errorData = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Result(
            exitCode: process.terminationStatus, output: String(decoding: outputData, as: UTF8.self),
            errors: String(decoding: errorData, as: UTF8.self))
    }

    /// The rules of a table as iptables-legacy-save prints them, without comments.
    func saved(table: String) throws -> String {
        try self(["iptables-legacy-save", "-t", table]).output.split(separator: "\n")
            .filter { !$0.hasPrefix("#") }.map { $0 + "\n" }.joined()
    }
}
