import Control

/// Why a configuration was refused: everything that is wrong with it, from top to bottom.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Never empty.
    public var diagnostics: [Diagnostic]

    public init(diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
