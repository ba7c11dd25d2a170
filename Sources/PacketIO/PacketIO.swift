// The module's first file; see DESIGN for what it will own.
