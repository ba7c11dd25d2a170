import Glibc
import Net

/// What went wrong in the laboratory itself, as opposed to what a test found out about the router.
public struct LabError: Error, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}

/// A program that runs beside the test, in a namespace or outside. Its output goes to memory, so that it never waits for
/// a reader. A program that still runs when the last reference to it goes is ended.
public final class Program {
    /// How a program ended and what it said.
    public struct Result: Sendable {
        /// The exit code, or 128 plus the number of the signal that ended it.
        public var status: Int32
        public var output: String
        public var errors: String
        public var succeeded: Bool { status == 0 }
    }

    public let command: [String]
    public let pid: pid_t
    private let outputFile: MemoryFile
    private let errorFile: MemoryFile
    private var status: Int32?

    /// Starts a program, looked up in PATH.
    ///
    /// - Parameters:
    ///   - namespace: name of the network namespace; nil for the test's own.
    ///   - input: standard input; empty if nil.
    ///   - environment: added to the test's own, as NAME=VALUE.
    public init(_ command: [String], in namespace: String? = nil, input: String? = nil, environment: [String] = [])
        throws
    {
        self.command = command
        let inputFile = try MemoryFile(contents: input ?? "")
        outputFile = try MemoryFile()
        errorFile = try MemoryFile()
        var arguments = environment.isEmpty ? command : ["env"] + environment + command
        if let namespace { arguments = ["ip", "netns", "exec", namespace] + arguments }
        pid = try Self.spawn(arguments, files: [inputFile.descriptor, outputFile.descriptor, errorFile.descriptor])
    }

    private static func spawn(_ arguments: [String], files: [Int32]) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (number, file) in files.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, file, Int32(number))
        }

        // Worker threads of the concurrency runtime block signals, and a child inherits that: it would not hear SIGTERM.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var strings: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe strings.forEach { unsafe free($0) } }
        var pid: pid_t = 0
        let error = unsafe posix_spawnp(&pid, strings[0]!, &actions, &attributes, &strings, environ)
        guard error == 0 else {
            throw LabError(
                "cannot start \(arguments[0]): \(unsafe String(cString: strerror(error))); try scripts/install-dependencies"
            )
        }
        return pid
    }

    /// What it has said so far.
    public var output: String { outputFile.contents }
    public var errors: String { errorFile.contents }

    public var isRunning: Bool {
        if status != nil { return false }
        var code: Int32 = 0
        guard unsafe waitpid(pid, &code, WNOHANG) == pid else { return true }
        status = code & 0x7F == 0 ? code >> 8 & 0xFF : 128 + code & 0x7F
        return false
    }

    /// Waits for the end.
    ///
    /// - Throws: `LabError` with what the program said if it takes longer; it is ended then.
    public func wait(seconds: Double = 20) throws -> Result {
        guard Clock.wait(seconds: seconds, every: 0.002, until: { !isRunning }) else {
            end()
            throw LabError("\(command.joined(separator: " ")) took longer than \(seconds) s\n\(output)\(errors)")
        }
        return Result(status: status ?? -1, output: output, errors: errors)
    }

    /// Sends a signal, if it still runs.
    public func signal(_ number: Int32) {
        if isRunning { kill(pid, number) }
    }

    /// SIGTERM, and SIGKILL after `grace` seconds. Returns true if the first was enough.
    @discardableResult
    public func end(grace: Double = 2) -> Bool {
        signal(SIGTERM)
        if Clock.wait(seconds: grace, every: 0.005, until: { !isRunning }) { return true }
        signal(SIGKILL)
        _ = Clock.wait(seconds: 5, every: 0.005) { !isRunning }
        return false
    }

    deinit {
        end(grace: 1)
    }

    /// Runs a program to its end.
    public static func run(
        _ command: [String], in namespace: String? = nil, input: String? = nil, seconds: Double = 20
    ) throws -> Result {
        try Program(command, in: namespace, input: input).wait(seconds: seconds)
    }

    /// Runs a program that must succeed, and returns its output.
    ///
    /// - Throws: `LabError` with what the program said if it fails.
    @discardableResult
    public static func require(
        _ command: [String], in namespace: String? = nil, input: String? = nil, seconds: Double = 20
    ) throws -> String {
        let result = try run(command, in: namespace, input: input, seconds: seconds)
        guard result.succeeded else {
            throw LabError(
                "\(command.joined(separator: " ")) failed with \(result.status): \(result.errors)\(result.output)\(input ?? "")"
            )
        }
        return result.output
    }
}
